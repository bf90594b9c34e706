"""Puts images into the registry's storage, through the API of a registry that runs for that time only."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from windlass.domain.artifacts import Artifact
from windlass.errors import IntegrityError, NotReadyError, WindlassError
from windlass.mirror.oci_layout import INDEXES

_START_SECONDS = 30


def registry_config(storage: Path | str, address: str, *, read_only: bool, tls: tuple[Path, Path] | None = None) -> str:
    """Write the configuration of a registry (distribution 3) over `storage`, listening at `address` (``HOST:PORT``).

    With `tls`, a file of certificates and one of their key, it speaks https.
    """
    http: dict[str, Any] = {"addr": address}
    if tls is not None:
        http["tls"] = {"certificate": str(tls[0].absolute()), "key": str(tls[1].absolute())}
    document = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(storage)},
            "maintenance": {"readonly": {"enabled": read_only}, "uploadpurging": {"enabled": False}},
        },
        "http": http,
    }
    return json.dumps(document, indent=1)  # JSON is YAML


class LocalRegistry:
    """A registry on loopback that starts when the first image comes and ends with the fill."""

    def __init__(self, program: Path, storage: Path, work: Path) -> None:
        self._program = program
        self._storage = storage
        self._work = work
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._homes: dict[str, str] = {}

    def push(self, layout: Path, artifact: Artifact) -> tuple[str, tuple[str, ...]]:
        """Put the image of an OCI layout there; return its manifest's digest and the digests of all its blobs."""
        self._ensure_started()
        root = json.loads((layout / "index.json").read_bytes())["manifests"][0]
        blobs = tuple(dict.fromkeys(self._put(layout, f"windlass/{artifact.name}", root, artifact.version)))
        return root["digest"], blobs

    def close(self) -> None:
        """Stop the registry."""
        with self._guard:
            if self._process is not None:
                self._process.terminate()
                self._process.wait(timeout=10)
                self._process = None

    def _put(self, layout: Path, repository: str, descriptor: Mapping[str, Any], tag: str | None) -> Iterator[str]:
        """Put a manifest after everything it names."""
        path = blob_path(layout, descriptor["digest"])
        document = json.loads(path.read_bytes())
        if descriptor["mediaType"] in INDEXES:
            for child in document["manifests"]:
                if blob_path(layout, child["digest"]).exists():
                    yield from self._put(layout, repository, child, None)
        else:
            for blob in (document["config"], *document["layers"]):
                self._put_blob(blob_path(layout, blob["digest"]), repository, blob["digest"])
                yield blob["digest"]
        where = f"/v2/{repository}/manifests/{tag or descriptor['digest']}"
        self._call("PUT", where, 201, path.read_bytes(), {"Content-Type": descriptor["mediaType"]})
        yield descriptor["digest"]

    def _put_blob(self, path: Path, repository: str, digest: str) -> None:
        if self._call("HEAD", f"/v2/{repository}/blobs/{digest}", None)[0] == 200:
            return
        home = self._homes.get(digest)
        mount = f"?mount={digest}&from={home}" if home else ""
        status, location = self._call("POST", f"/v2/{repository}/blobs/uploads/{mount}", None)
        if status == 202:
            separator = "&" if "?" in location else "?"
            with path.open("rb") as stream:
                headers = {"Content-Type": "application/octet-stream", "Content-Length": str(path.stat().st_size)}
                self._call("PUT", f"{location}{separator}digest={digest}", 201, stream, headers)
        elif status != 201:
            raise WindlassError(f"the registry on loopback answered {status} to an upload into {repository}")
        self._homes[digest] = repository

    def _call(
        self, method: str, path: str, expected: int | None, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        with contextlib.closing(connection):
            relative = path.removeprefix(f"http://127.0.0.1:{self._port}")
            connection.request(method, relative, body=body, headers=dict(headers or {}))
            answer = connection.getresponse()
            text = answer.read()
        if expected is not None and answer.status != expected:
            raise IntegrityError(f"the registry on loopback: {method} {relative} gave {answer.status}: {text[:300]!r}")
        return answer.status, answer.headers.get("Location", "")

    def _ensure_started(self) -> None:
        with self._guard:
            if self._process is not None:
                return
            self._port = _free_port()
            config = self._work / "registry.yaml"
            config.write_text(
                registry_config(self._storage, f"127.0.0.1:{self._port}", read_only=False), encoding="utf-8"
            )
            log = (self._work / "registry.log").open("wb")
            with log:
                self._process = subprocess.Popen(
                    [str(self._program), "serve", str(config)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={"OTEL_TRACES_EXPORTER": "none"},
                )
            self._wait_until_it_answers(self._process)

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                log = (self._work / "registry.log").read_text(encoding="utf-8", errors="replace")
                raise WindlassError(f"the registry on loopback ended with {process.returncode}: {log[-500:]}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1):
                return
            time.sleep(0.05)
        raise NotReadyError(f"the registry on loopback did not listen within {_START_SECONDS} s; run again")


def blob_path(layout: Path, digest: str) -> Path:
    """Return where an OCI image layout keeps the bytes with this digest."""
    return layout / "blobs" / "sha256" / digest.removeprefix("sha256:")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
