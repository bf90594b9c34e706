"""A stand-in for the publishers' sites: one HTTP server that plays release downloads, Debian and registries."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from windlass.domain.artifacts import Artifact, Lock, Locked
from windlass.mirror.download import RetryPolicy
from windlass.mirror.official import OfficialSource
from windlass.mirror.official_catalog import OfficialCatalog, load_catalog
from windlass.mirror.places import needed_artifacts

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass
class Resource:
    content: bytes
    headers: dict[str, str] = field(default_factory=dict)
    failures: list[int] = field(default_factory=list)
    """Statuses that the next requests are answered with."""
    cut_after: list[int] = field(default_factory=list)
    """After how many bytes the next answers end, though they promised all."""
    redirect: str | None = None
    on_request: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Seen:
    method: str
    path: str
    headers: dict[str, str]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Publishers:
    """What is published, and every request that came."""

    url: str = ""
    resources: dict[str, Resource] = field(default_factory=dict)
    token: str | None = None
    """If set, the registry wants it, and its token service hands it out."""
    token_field: str = "token"
    """Under which name the token service hands it out; empty: it answers with something else."""
    seen: list[Seen] = field(default_factory=list)

    def publish(self, path: str, content: bytes, **changes: Any) -> Resource:
        headers = {"ETag": f'"{sha256(content)[:16]}"'}
        self.resources[path] = Resource(content, **{"headers": headers, **changes})
        return self.resources[path]

    def publish_image(self, repository: str, tag: str, architectures: tuple[str, ...] = ("amd64", "arm64")) -> str:
        """Publish a multi-platform image; return the digest of the manifest for linux/amd64."""
        entries = [
            {
                "mediaType": MANIFEST,
                "digest": self.publish_manifest(repository, architecture),
                "platform": {"os": "linux", "architecture": architecture},
            }
            for architecture in architectures
        ]
        attestation = {"mediaType": MANIFEST, "digest": "sha256:" + "0" * 64, "platform": {"os": "unknown"}}
        index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [attestation, *entries]}).encode()
        self._publish_document(repository, tag, index, INDEX)
        return str(entries[0]["digest"])

    def publish_manifest(self, repository: str, architecture: str, tag: str | None = None) -> str:
        config = json.dumps({"os": "linux", "architecture": architecture}).encode()
        layers = [f"{architecture} layer {number} ".encode() * 5000 for number in range(2)]
        for blob in (config, *layers):
            self.publish(f"/v2/{repository}/blobs/sha256:{sha256(blob)}", blob)
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"digest": f"sha256:{sha256(config)}", "size": len(config)},
            "layers": [{"digest": f"sha256:{sha256(layer)}", "size": len(layer)} for layer in layers],
        }
        content = json.dumps(document).encode()
        digest = f"sha256:{sha256(content)}"
        for reference in (digest, *([tag] if tag else [])):
            self._publish_document(repository, reference, content, MANIFEST)
        return digest

    def _publish_document(self, repository: str, reference: str, content: bytes, media_type: str) -> None:
        headers = {"Content-Type": media_type, "Docker-Content-Digest": f"sha256:{sha256(content)}"}
        self.publish(f"/v2/{repository}/manifests/{reference}", content, headers=headers)

    def token_answer(self) -> bytes:
        return json.dumps({self.token_field: self.token}).encode() if self.token_field else b"<html>who are you?</html>"

    def requests(self, path: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.path == path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    publishers: Publishers

    def log_message(self, *args: object) -> None:
        """Say nothing: what came is in `seen`."""

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        path = urlsplit(self.path).path
        self.publishers.seen.append(Seen(self.command, self.path, dict(self.headers)))
        if path == "/token":
            self._send(200, self.publishers.token_answer(), {})
            return
        if self._lacks_token(path):
            realm = f'Bearer realm="{self.publishers.url}/token",service="stub",scope="repository:{path}:pull"'
            self._send(401, b"{}" if with_body else b"", {"WWW-Authenticate": realm})
            return
        resource = self.publishers.resources.get(path)
        if resource is not None:
            resource.on_request()
        if resource is None:
            self._send(404, b"", {})
        elif resource.failures:
            self._send(resource.failures.pop(0), b"", {"Content-Length": "0"})
        elif resource.redirect:
            self._send(302, b"", {"Location": resource.redirect})
        else:
            self._send_resource(resource, with_body=with_body)

    def _lacks_token(self, path: str) -> bool:
        token = self.publishers.token
        return path.startswith("/v2/") and token is not None and self.headers["Authorization"] != f"Bearer {token}"

    def _send_resource(self, resource: Resource, *, with_body: bool) -> None:
        content, status, headers = resource.content, 200, dict(resource.headers)
        wanted = self.headers["Range"]
        unchanged = self.headers["If-Range"] in {None, headers.get("ETag")}
        if wanted and unchanged:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            content, status = content[start:], 206
        sent = content if with_body else b""
        if resource.cut_after and with_body:
            sent = content[: resource.cut_after.pop(0)]
            self.close_connection = True
        self._send(status, sent, {**headers, "Content-Length": str(len(content))})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def publishers() -> Iterator[Publishers]:
    """Run the server on a free port of the loopback address for one test."""
    site = Publishers()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"publishers": site}))
    server.daemon_threads = False  # so that closing the server waits for its threads
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield site
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Heard:
    """What a source said of its progress."""

    said: list[str] = field(default_factory=list)
    bytes_done: list[int] = field(default_factory=list)

    def say(self, what: str) -> None:
        self.said.append(what)

    def advance(self, done: int, total: int | None) -> None:
        self.bytes_done.append(done)


@pytest.fixture
def progress() -> Heard:
    return Heard()


@pytest.fixture
def catalog(publishers: Publishers) -> OfficialCatalog:
    """The project's own official.yaml, with the stand-in in place of every site."""
    path = Path(__file__).parents[3] / "include" / "mirror" / "official.yaml"
    known = load_catalog(path, {})
    everywhere = dict.fromkeys([*known.sites, *known.registries], publishers.url)
    return load_catalog(path, everywhere)


@pytest.fixture
def make_source(catalog: OfficialCatalog, tmp_path: Path) -> Callable[..., OfficialSource]:
    quick = RetryPolicy(attempts=3, first_wait=timedelta(milliseconds=1), longest_wait=timedelta(milliseconds=5))

    def make(*locked: tuple[Artifact, str]) -> OfficialSource:
        entries = {artifact: Locked(f"sha256:{digest}", 1, "publisher") for artifact, digest in locked}
        return OfficialSource(
            catalog=catalog,
            needed=needed_artifacts(Path(__file__).parents[3] / "include" / "mirror"),
            downloads=tmp_path / "downloads",
            lock=Lock("official", entries),
            patience=quick,
        )

    return make


@pytest.fixture
def into(tmp_path: Path) -> Path:
    directory = tmp_path / "into"
    directory.mkdir()
    return directory
