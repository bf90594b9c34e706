"""Whether the publishers' sites can be used from here: one short request to each, all at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx

from windlass.mirror.official_catalog import OfficialCatalog

PROBE_SECONDS = 3.0


def unreachable_sites(catalog: OfficialCatalog, seconds: float = PROBE_SECONDS) -> str | None:
    """Say which sites and registries cannot be used and why, None if all can; each is given `seconds`."""
    wanted = {f"{site.base}{site.probe}": {httpx.codes.OK} for site in catalog.sites.values()}
    # A registry that wants a token first answers this with 401 and is as good as one that does not.
    wanted |= {f"{base}/v2/": {httpx.codes.OK, httpx.codes.UNAUTHORIZED} for base in catalog.registries.values()}
    with httpx.Client(timeout=seconds, follow_redirects=True) as client, ThreadPoolExecutor(len(wanted)) as pool:
        asked = [pool.submit(_problem, client, url, accepted) for url, accepted in wanted.items()]
        problems = [problem for future in asked if (problem := future.result())]
    return "; ".join(problems) or None


def _problem(client: httpx.Client, url: str, accepted: set[httpx.codes]) -> str | None:
    try:
        response = client.head(url)
    except httpx.TransportError as error:
        return f"{url}: {error or type(error).__name__}"
    if response.status_code in accepted:
        return None
    return f"{url}: answered {response.status_code} {response.reason_phrase}"
