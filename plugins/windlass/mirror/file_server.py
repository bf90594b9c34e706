"""Serves the files of a mirror over HTTP, each checked against the lock before its first byte is sent.

This one file needs nothing but Python 3.9 and its standard library, so that it can be put into any container:
``python3 file_server.py --root DIRECTORY --address 0.0.0.0 --port 8080``. It serves
``/files/NAME/VERSION/NAME`` and, for others than amd64, ``/files/NAME/VERSION/ARCHITECTURE/NAME`` (with ranges),
``/lock.json`` and ``/healthz``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import socket
import ssl
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

_BLOCK = 1 << 20
_GREETING_SECONDS = 20
_FILE = re.compile(r"/files/([A-Za-z0-9][\w.+-]*)/([A-Za-z0-9][\w.+-]*)/(?:([a-z][a-z0-9]*)/)?\1")
_SERVED = b"served are /files/NAME/VERSION/[ARCHITECTURE/]NAME, /lock.json and /healthz\n"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class UnservableError(Exception):
    """A request that gets no content, with the status and the reason that it gets."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Checked:
    """Remembers which files were found to be what the lock says; a file that changed since is read again."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[tuple[str, int, int, int], str] = {}
        self._guard = threading.Lock()

    def open(self, name: str, version: str, architecture: str | None = None) -> BinaryIO:
        """Open a file for reading; UnservableError if it is missing, not in the lock, or not what the lock says."""
        path = self._root / "files" / name / version / (architecture or "") / name
        key = f"{name}:{version}" if architecture is None else f"{name}:{version}@{architecture}"
        try:
            stream = path.open("rb")
        except OSError:
            raise UnservableError(HTTPStatus.NOT_FOUND, f"the mirror holds no {key}") from None
        try:
            self._check(stream, f"file:{key}", str(path))
        except BaseException:
            stream.close()
            raise
        return stream

    def _check(self, stream: BinaryIO, artifact: str, path: str) -> None:
        wanted = self._locked(artifact)
        status = os.fstat(stream.fileno())
        key = (path, status.st_size, status.st_mtime_ns, status.st_ino)
        with self._guard:  # one reader at a time: many hosts ask for the same file at once
            found = self._known.get(key)
            if found is None:
                found = self._known[key] = _digest(stream)
        if found != wanted:
            reason = f"{artifact} has {found} but the lock says {wanted}; run `windlass mirror --verify`"
            raise UnservableError(HTTPStatus.INTERNAL_SERVER_ERROR, reason)

    def _locked(self, artifact: str) -> str:
        try:
            lock = json.loads((self._root / "lock.json").read_text(encoding="utf-8"))
            return str(lock["artifacts"][artifact]["digest"])
        except (OSError, ValueError, KeyError):
            reason = f"{artifact} is not in the mirror's lock, so it cannot be checked; run `windlass mirror`"
            raise UnservableError(HTTPStatus.INTERNAL_SERVER_ERROR, reason) from None


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD."""

    protocol_version = "HTTP/1.1"
    checked: Checked
    root: Path

    def do_GET(self) -> None:
        """Answer with content."""
        self._answer(with_content=True)

    def do_HEAD(self) -> None:
        """Answer with headers alone."""
        self._answer(with_content=False)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base class's)
        """Print errors only."""
        if len(args) > 1 and str(args[1]).startswith("5"):
            super().log_message(format, *args)

    def _answer(self, *, with_content: bool) -> None:
        try:
            file = _FILE.fullmatch(self.path)
            if file:
                with self.checked.open(file[1], file[2], file[3]) as stream:
                    self._send_file(stream, with_content=with_content)
            elif self.path in ("/lock.json", "/healthz"):
                content = b"ok\n" if self.path == "/healthz" else self._lock()
                self._send_text(HTTPStatus.OK, content, with_content=with_content)
            else:
                self._send_text(HTTPStatus.NOT_FOUND, _SERVED, with_content=with_content)
        except UnservableError as refusal:
            self._send_text(refusal.status, f"{refusal}\n".encode(), with_content=with_content)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client has gone

    def _lock(self) -> bytes:
        try:
            return (self.root / "lock.json").read_bytes()
        except OSError:
            raise UnservableError(HTTPStatus.NOT_FOUND, "the mirror has no lock yet; run `windlass mirror`") from None

    def _send_text(self, status: HTTPStatus, content: bytes, *, with_content: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if content[:1] == b"{" else "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_content:
            self.wfile.write(content)

    def _send_file(self, stream: BinaryIO, *, with_content: bool) -> None:
        size = stream.seek(0, 2)
        wanted = _wanted_range(self.headers.get("Range"), size)
        start, end = wanted or (0, size)
        self.send_response(HTTPStatus.PARTIAL_CONTENT if wanted else HTTPStatus.OK)
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        if with_content and end > start:
            self.wfile.flush()
            self.connection.sendfile(stream, start, end - start)


class _TlsServer(ThreadingHTTPServer):
    """Greets each client in a thread of its own, so that one that says nothing holds up no other."""

    context: ssl.SSLContext

    def finish_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        """Greet a client, and answer it."""
        request.settimeout(_GREETING_SECONDS)
        try:
            spoken = self.context.wrap_socket(request, server_side=True)
        except OSError:  # of which every failure of TLS is one: the client has been told
            return
        with spoken:
            spoken.settimeout(None)
            super().finish_request(spoken, client_address)


def make_server(root: Path, address: str, port: int, tls: tuple[Path, Path] | None = None) -> ThreadingHTTPServer:
    """Bind a server over the mirror directory `root`; port 0 takes a free one. `tls` is a certificate and its key."""
    bound = type("BoundHandler", (Handler,), {"checked": Checked(root), "root": root})
    if tls is None:
        server = ThreadingHTTPServer((address, port), bound)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*tls)
        server = _TlsServer((address, port), bound)
        server.context = context
    server.daemon_threads = True
    return server


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description="Serve the files of a mirror, each checked by its SHA-256.")
    parser.add_argument("--root", type=Path, required=True, help="the mirror's directory: files/ and lock.json")
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--certificate", type=Path, help="certificates (PEM) to serve by https with")
    parser.add_argument("--key", type=Path, help="the certificate's private key (PEM)")
    arguments = parser.parse_args()
    tls = (arguments.certificate, arguments.key) if arguments.certificate else None
    server = make_server(arguments.root, arguments.address, arguments.port, tls)
    print(f"serves {arguments.root} at http://{arguments.address}:{server.server_address[1]}", flush=True)  # noqa: T201 (whoever started it with port 0 learns the port here)
    server.serve_forever()


def _digest(stream: BinaryIO) -> str:
    sha256 = hashlib.sha256()
    while block := stream.read(_BLOCK):
        sha256.update(block)
    return f"sha256:{sha256.hexdigest()}"


def _wanted_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Read one byte range as first and one past the last; None if the whole file is to be sent."""
    found = _RANGE.fullmatch(header or "")
    if not found or not (found[1] or found[2]):
        return None
    if not found[1]:
        return max(0, size - int(found[2])), size
    start, end = int(found[1]), min(size, int(found[2]) + 1 if found[2] else size)
    if start >= end:
        raise UnservableError(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"the file has {size} bytes")
    return start, end


if __name__ == "__main__":
    main()
