"""The mirror as Windlass itself asks it: what it holds, by digest."""

from __future__ import annotations

import httpx

from windlass.domain.artifacts import Lock, parse_lock
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
