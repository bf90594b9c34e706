"""The mirror as Windlass itself asks it: what it holds, by digest."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import httpx

from windlass.domain.artifacts import Artifact, Lock, parse_lock
from windlass.effects.answers import UNCOMPRESSED, small_content
from windlass.errors import UnreachableError

_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""A registry gives only what is asked for by its type."""


def fetch_lock(files: str) -> Lock:
    """Return the lock of the mirror at the base URL `files`; UnreachableError if it does not give one."""
    url = f"{files}/lock.json"
    try:
        with httpx.stream("GET", url, timeout=5.0, trust_env=False, headers=UNCOMPRESSED) as response:
            response.raise_for_status()
            content = small_content(response)
    except httpx.HTTPError as error:
        raise UnreachableError(f"mirror: {url}: {error}; check that it is served (`windlass mirror serve`)") from error
    return parse_lock(content.decode(errors="replace"))


def missing_artifacts(urls: Mapping[Artifact, str | None]) -> tuple[str, ...]:
    """Return those artifacts that their URL does not give, each with the reason; nothing is downloaded.

    One without a URL is not in the mirror's lock, and so counts as missing.
    """
    with httpx.Client(timeout=5.0, trust_env=False) as client, ThreadPoolExecutor(max_workers=8) as pool:
        reasons = pool.map(lambda item: (item[0], _why_missing(client, item[1])), urls.items())
        return tuple(f"{artifact} ({reason})" for artifact, reason in reasons if reason)


def _why_missing(client: httpx.Client, url: str | None) -> str:
    if url is None:
        return "not in its lock"
    try:
        response = client.head(url, headers={"Accept": f"{', '.join(_MANIFESTS)}, */*"})
    except httpx.HTTPError as error:
        return str(error) or type(error).__name__
    return "" if response.is_success else f"it answers {response.status_code}"
