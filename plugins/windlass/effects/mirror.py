"""The mirror as Windlass itself asks it: what it holds, by digest."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import httpx

from windlass.domain.artifacts import Artifact, Lock, parse_lock
from windlass.errors import UnreachableError


def fetch_lock(files: str) -> Lock:
    """Return the lock of the mirror at the base URL `files`; UnreachableError if it does not give one."""
    url = f"{files}/lock.json"
    try:
        response = httpx.get(url, timeout=5.0, trust_env=False)
        response.raise_for_status()
    except httpx.HTTPError as error:
        raise UnreachableError(f"mirror: {url}: {error}; check that it is served (`windlass mirror serve`)") from error
    return parse_lock(response.text)


def missing_artifacts(files: str, registry: str, lock: Lock, artifacts: Iterable[Artifact]) -> tuple[str, ...]:
    """Return those of `artifacts` that the mirror does not give, each with the reason; nothing is downloaded.

    `files` and `registry` are base URLs. One that the lock does not know is missing: nothing could be checked.
    """
    with httpx.Client(timeout=5.0, trust_env=False) as client, ThreadPoolExecutor(max_workers=8) as pool:
        reasons = pool.map(lambda one: (one, _why_missing(client, files, registry, lock, one)), artifacts)
        return tuple(f"{artifact} ({reason})" for artifact, reason in reasons if reason)


def _why_missing(client: httpx.Client, files: str, registry: str, lock: Lock, artifact: Artifact) -> str:
    if artifact not in lock.artifacts:
        return "not in its lock"
    url = f"{files}/files/{artifact.name}/{artifact.version}/{artifact.name}"
    if artifact.kind == "image":
        url = f"{registry}/v2/windlass/{artifact.name}/manifests/{lock.digest(artifact)}"
    accepted = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, */*"
    try:
        response = client.head(url, headers={"Accept": accepted})
    except httpx.HTTPError as error:
        return str(error) or type(error).__name__
    return "" if response.is_success else f"it answers {response.status_code}"
