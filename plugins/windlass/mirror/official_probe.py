"""Whether the publishers' sites can be used from here: one short request to each, all at once."""

from __future__ import annotations

import time
from collections.abc import Container, Iterable
from contextlib import suppress
from http import HTTPStatus
from queue import Empty, SimpleQueue
from threading import Thread
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from windlass.mirror.official_catalog import OfficialCatalog

PROBE_SECONDS = 3.0


def unreachable_sites(catalog: OfficialCatalog, seconds: float = PROBE_SECONDS) -> str | None:
    """Say which sites and registries cannot be used and why, None if all can; they have `seconds` together."""
    wanted = {f"{site.base}{site.probe}": {HTTPStatus.OK} for site in catalog.sites.values()}
    # A registry that wants a token first answers this with 401 and is as good as one that does not.
    wanted |= {f"{base}/v2/": {HTTPStatus.OK, HTTPStatus.UNAUTHORIZED} for base in catalog.registries.values()}
    answers: SimpleQueue[tuple[str, str | None]] = SimpleQueue()

    def ask(url: str, accepted: Container[int]) -> None:
        answers.put((url, _problem(url, accepted, seconds)))

    for url, accepted in wanted.items():
        # Nothing bounds how long a name is looked up: such a thread must not keep the program from going on, or ending.
        Thread(target=ask, args=(url, accepted), daemon=True).start()
    problems = _gather(answers, wanted, seconds)
    return "; ".join(problem for problem in problems.values() if problem) or None


def _gather(
    answers: SimpleQueue[tuple[str, str | None]], asked: Iterable[str], seconds: float
) -> dict[str, str | None]:
    deadline = time.monotonic() + seconds
    found: dict[str, str | None] = {url: f"{url}: no answer within {seconds:g} s" for url in asked}
    with suppress(Empty):
        for _ in range(len(found)):
            url, problem = answers.get(timeout=max(0.0, deadline - time.monotonic()))
            found[url] = problem
    return found


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
