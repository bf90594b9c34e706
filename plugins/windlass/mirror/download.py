"""Downloads that survive interruption: streamed to disk, resumed with Range, checked by SHA-256."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from windlass.domain.bounded import read_from
from windlass.effects.answers import UNCOMPRESSED, small_content
from windlass.errors import IntegrityError, UnreachableError, WindlassError
from windlass.mirror.checksums import file_sha256

TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
MOST_BYTES = 8 * 1024 * 1024 * 1024
"""Of one file or blob, which goes to disk; the largest images of clusters have one or two."""
OnBytes = Callable[[int, int | None], None]


class _TransientError(Exception):
    """The same request may work in a moment."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often a request that failed for a passing reason is tried, and how long the waits between are."""

    attempts: int = 5
    first_wait: timedelta = timedelta(seconds=1)
    longest_wait: timedelta = timedelta(seconds=20)


@dataclass(frozen=True)
class Download:
    """A file to fetch: its URL, where it goes, the SHA-256 it must have (None if nobody published one)."""

    url: str
    target: Path
    sha256: str | None
    headers: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def partial(self) -> Path:
        """Where the bytes are until all of them are there and right."""
        return self.target.with_name(self.target.name + ".part")

    @property
    def validator(self) -> Path:
        """Where the ETag or date of the partial file is kept, so that it is not continued with other content."""
        return self.target.with_name(self.target.name + ".part.validator")


@dataclass(frozen=True)
class SmallDocument:
    """What was fetched whole: a list of checksums, a manifest."""

    url: str
    content: bytes = field(repr=False)
    headers: httpx.Headers = field(repr=False)

    @property
    def text(self) -> str:
        """The content as text; IntegrityError if it is none."""
        with read_from(self.url, "look what answers there"):
            return self.content.decode()


def ignore_bytes(done: int, total: int | None) -> None:
    """Take no notice of progress."""


class Downloader:
    """Fetches texts and files over HTTP, with bounded retries of what may pass."""

    def __init__(self, client: httpx.Client, patience: RetryPolicy | None = None) -> None:
        self._client = client
        self._patience = patience or RetryPolicy()

    def get(self, url: str, headers: dict[str, str] | None = None) -> SmallDocument:
        """Fetch a small document whole; UnreachableError or WindlassError if there is none."""
        for attempt in self._attempts():
            with attempt, _as_transient(url):
                asked = {**(headers or {}), **UNCOMPRESSED}
                with self._client.stream("GET", url, headers=asked) as response:
                    _check_status(response, url)
                    document = SmallDocument(url, small_content(response), response.headers)
        return document

    def fetch(self, download: Download, on_bytes: OnBytes = ignore_bytes) -> str:
        """Fetch a file and return its SHA-256; what an earlier, interrupted call left is continued.

        IntegrityError if the content is not what it should be; nothing of it is kept then.
        """
        if download.sha256 and download.target.exists() and file_sha256(download.target) == download.sha256:
            return download.sha256
        download.target.parent.mkdir(parents=True, exist_ok=True)
        resumed = download.partial.exists()
        got = self._whole(download, on_bytes)
        if resumed and download.sha256 not in {None, got}:
            # The publisher may have replaced the file since the first half came: that is not yet corruption.
            _discard(download)
            got = self._whole(download, on_bytes)
        if download.sha256 not in {None, got}:
            _discard(download)
            raise IntegrityError(
                f"{download.url}: the SHA-256 should be {download.sha256} but is {got}; nothing was kept. "
                "Try again; if it stays so, the publisher's file or the way to it was tampered with"
            )
        download.partial.replace(download.target)
        download.validator.unlink(missing_ok=True)
        return got

    def _whole(self, download: Download, on_bytes: OnBytes) -> str:
        for attempt in self._attempts():
            with attempt, _as_transient(download.url):
                self._continue(download, on_bytes)
        return file_sha256(download.partial)

    def _continue(self, download: Download, on_bytes: OnBytes) -> None:
        have = _resumable_bytes(download)
        headers = {**download.headers, **UNCOMPRESSED}
        if have:
            headers["Range"] = f"bytes={have}-"
            if download.validator.exists():
                headers["If-Range"] = download.validator.read_text(encoding="ascii")
        with self._client.stream("GET", download.url, headers=headers) as response:
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                _discard(download)
                raise _TransientError("the server cannot continue the download; it starts over")
            _check_status(response, download.url)
            start = have if _continues_at(response, have) else 0
            _remember_validator(download, response)
            _write(download.partial, response, start, on_bytes)

    def _attempts(self) -> Retrying:
        patience = self._patience
        return Retrying(
            retry=retry_if_exception_type(_TransientError),
            stop=stop_after_attempt(patience.attempts),
            wait=wait_exponential_jitter(
                multiplier=patience.first_wait.total_seconds(),
                max=patience.longest_wait.total_seconds(),
                jitter=patience.first_wait.total_seconds(),
            ),
            retry_error_callback=_give_up,
        )


def _give_up(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    raise UnreachableError(f"{error}; gave up after {state.attempt_number} attempts") from error


@contextmanager
def _as_transient(url: str) -> Iterator[None]:
    try:
        yield
    except httpx.TransportError as error:
        raise _TransientError(f"{url}: {type(error).__name__}: {error}") from error
    except OSError as error:
        raise WindlassError(f"{url}: cannot be written: {error}; free space or change WINDLASS_CACHE") from error


def _check_status(response: httpx.Response, url: str) -> None:
    if response.is_success:
        return
    answer = f"{url}: answered {response.status_code} {response.reason_phrase}"
    if response.status_code in TRANSIENT_STATUS:
        raise _TransientError(answer)
    if response.status_code in {404, 410}:
        raise WindlassError(f"{answer}: not published there; check the version, and the URL in official.yaml")
    raise WindlassError(f"{answer}; check that this machine may read it")


def _resumable_bytes(download: Download) -> int:
    if not download.partial.exists():
        return 0
    if download.sha256 is None and not download.validator.exists():
        return 0  # nothing would show that the rest belongs to something else
    return download.partial.stat().st_size


def _continues_at(response: httpx.Response, have: int) -> bool:
    content_range = response.headers.get("Content-Range", "")
    return response.status_code == httpx.codes.PARTIAL_CONTENT and content_range.startswith(f"bytes {have}-")


def _remember_validator(download: Download, response: httpx.Response) -> None:
    etag = response.headers.get("ETag", "")
    validator = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")
    if validator:
        download.validator.write_text(validator, encoding="ascii")
    else:
        download.validator.unlink(missing_ok=True)


def _write(partial: Path, response: httpx.Response, start: int, on_bytes: OnBytes) -> None:
    length = response.headers.get("Content-Length", "")
    total = start + int(length) if length.isdecimal() else None
    done = start
    with partial.open("r+b" if start else "wb") as stream:
        stream.seek(start)
        for chunk in response.iter_raw():  # as they come: a chunk size would hold back, and lose, the last bytes
            done += len(chunk)
            if done > MOST_BYTES:
                raise IntegrityError(f"{response.url}: sends more than {MOST_BYTES} bytes; look what answers there")
            stream.write(chunk)
            on_bytes(done, total)


def _discard(download: Download) -> None:
    download.partial.unlink(missing_ok=True)
    download.validator.unlink(missing_ok=True)
