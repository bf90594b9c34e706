"""Answers over HTTP that are read whole, within a bound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

import httpx

from windlass.errors import IntegrityError

MOST_SMALL_BYTES = 16 * 1024 * 1024
"""Of checksums, manifests, locks, tokens and errors."""
UNCOMPRESSED = {"Accept-Encoding": "identity"}
"""A few bytes of what is compressed may stand for gigabytes."""
SMALL = {"windlass_small": True}
"""The extension of requests whose answer is small also where it is a good one."""


def small_content(response: httpx.Response) -> bytes:
    """Read an answer whole; IntegrityError if it is larger than any small one, or compressed unasked."""
    _refuse_encodings(response, "identity")
    return b"".join(_bounded(response.iter_raw(), response.url, MOST_SMALL_BYTES))


def read_whole(response: httpx.Response, most: int) -> httpx.Response:
    """Read a streamed answer, as it is or by gzip; IntegrityError if it is, or expands to, more than `most` bytes.

    gzip makes a thousand bytes of one at the most, so that a piece off the wire stays small.
    """
    _refuse_encodings(response, "identity", "gzip")
    content = b"".join(_bounded(response.iter_bytes(), response.url, most))
    headers = {name: value for name, value in response.headers.items() if name != "content-encoding"}
    return httpx.Response(response.status_code, headers=headers, content=content, request=response.request)


def bound_unread(response: httpx.Response) -> None:
    """Bound what httpx reads by itself: what refuses or redirects, and tokens. A hook of clients, for each answer."""
    if response.is_success and not response.request.extensions.get("windlass_small"):
        return
    _refuse_encodings(response, "identity")
    response.stream = _BoundedStream(cast("httpx.SyncByteStream", response.stream), response.url)


class _BoundedStream(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream, url: httpx.URL) -> None:
        self._stream = stream
        self._url = url

    def __iter__(self) -> Iterator[bytes]:
        return _bounded(self._stream, self._url, MOST_SMALL_BYTES)

    def close(self) -> None:
        self._stream.close()


def _bounded(chunks: Iterable[bytes], url: httpx.URL, most: int) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > most:
            where = url.copy_with(query=None)
            raise IntegrityError(f"{where}: sends more than {most} bytes; look what answers there")
        yield chunk


def _refuse_encodings(response: httpx.Response, *accepted: str) -> None:
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding not in accepted:
        where = response.url.copy_with(query=None)
        raise IntegrityError(f"{where}: answers by {encoding}, which was not asked for; look what answers there")
