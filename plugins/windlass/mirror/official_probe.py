"""Whether the publishers' sites can be used from here: one short request to each, all at once."""

from __future__ import annotations

from collections.abc import Container
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from windlass.mirror.official_catalog import OfficialCatalog

PROBE_SECONDS = 3.0


def unreachable_sites(catalog: OfficialCatalog, seconds: float = PROBE_SECONDS) -> str | None:
    """Say which sites and registries cannot be used and why, None if all can; each is given `seconds`."""
    wanted = {f"{site.base}{site.probe}": {HTTPStatus.OK} for site in catalog.sites.values()}
    # A registry that wants a token first answers this with 401 and is as good as one that does not.
    wanted |= {f"{base}/v2/": {HTTPStatus.OK, HTTPStatus.UNAUTHORIZED} for base in catalog.registries.values()}
    with ThreadPoolExecutor(len(wanted)) as pool:
        asked = [pool.submit(_problem, url, accepted, seconds) for url, accepted in wanted.items()]
        problems = [problem for future in asked if (problem := future.result())]
    return "; ".join(problems) or None


def _problem(url: str, accepted: Container[int], seconds: float) -> str | None:
    request = Request(url, method="HEAD", headers={"User-Agent": "windlass"})  # noqa: S310 (the URLs of official.yaml)
    try:
        with urlopen(request, timeout=seconds) as response:  # noqa: S310 (the same)
            status, reason = response.status, response.reason
    except HTTPError as answer:
        with answer:
            status, reason = answer.code, answer.reason
    except OSError as error:
        return f"{url}: {getattr(error, 'reason', None) or error}"
    return None if status in accepted else f"{url}: answered {status} {reason}"
