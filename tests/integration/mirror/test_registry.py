from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from windlass.domain.artifacts import Artifact
from windlass.mirror import cache, places
from windlass.mirror.build_record import SourceCache
from windlass.mirror.commands import Commands
from windlass.mirror.debian import Entry
from windlass.mirror.golang import Builder
from windlass.mirror.layers import ImageSettings, file_digest, write_layout, write_tar
from windlass.mirror.recipes import Recipes
from windlass.mirror.registry import LocalRegistry
from windlass.mirror.serving import registry_config

FIRST = Artifact("image", "first", "v1")
SECOND = Artifact("image", "second", "v1")


class Quiet:
    def say(self, what: str) -> None:
        """Keep quiet."""

    def advance(self, done: int, total: int | None) -> None:
        """Keep quiet."""


@pytest.fixture(scope="session")
def program() -> Path:
    """The real registry: out of the mirror's cache, or built into it."""
    builder = Builder(Recipes(places.recipes_directory()), cache.mirror_root() / "builds", Commands())
    return builder.program("registry/registry", Quiet())


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    write_tar({"program": Entry(b"content" * 1000, 0o755)}, tmp_path / "layer.tar")
    return write_layout([tmp_path / "layer.tar"], ImageSettings("amd64", command=["/program"]), tmp_path)


@pytest.fixture
def source_cache(tmp_path: Path) -> SourceCache:
    return SourceCache(tmp_path / "mirror", "modules")


@pytest.fixture
def registry(program: Path, source_cache: SourceCache, tmp_path: Path) -> Iterator[LocalRegistry]:
    running = LocalRegistry(program, source_cache.registry, tmp_path)
    yield running
    running.close()


def test_what_is_pushed_is_where_the_mirror_looks_for_it(
    registry: LocalRegistry, layout: Path, source_cache: SourceCache
) -> None:
    digest, blobs = registry.push(layout, FIRST)

    assert digest == json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
    assert len(blobs) == 3
    for blob in blobs:
        assert file_digest(source_cache.blob(blob)) == blob
    assert source_cache.tag(FIRST).read_text() == digest


def test_a_layer_that_two_images_share_is_kept_once(
    registry: LocalRegistry, layout: Path, source_cache: SourceCache
) -> None:
    _, first = registry.push(layout, FIRST)
    _, second = registry.push(layout, SECOND)

    assert first == second
    assert len(list((source_cache.registry / "docker/registry/v2/blobs").rglob("data"))) == 3


def test_a_lost_blob_comes_back_with_the_next_push(
    registry: LocalRegistry, layout: Path, source_cache: SourceCache
) -> None:
    _, blobs = registry.push(layout, FIRST)
    registry.close()
    for blob in blobs:
        source_cache.blob(blob).unlink()

    registry.push(layout, FIRST)

    assert all(file_digest(source_cache.blob(blob)) == blob for blob in blobs)


def test_hosts_can_pull_what_was_pushed_and_change_nothing(
    program: Path, registry: LocalRegistry, layout: Path, source_cache: SourceCache, tmp_path: Path
) -> None:
    digest, _ = registry.push(layout, FIRST)
    registry.close()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    config = tmp_path / "serving.yaml"
    config.write_text(registry_config(source_cache.registry, address))
    with subprocess.Popen([program, "serve", config], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            status, headers = ask(address, "GET", "/v2/windlass/first/manifests/v1", process)
            assert (status, headers["Docker-Content-Digest"]) == (200, digest)
            assert ask(address, "POST", "/v2/windlass/first/blobs/uploads/", process)[0] == 405
        finally:
            process.terminate()


def ask(address: str, method: str, path: str, process: subprocess.Popen[bytes]) -> tuple[int, http.client.HTTPMessage]:
    """Ask until the registry listens."""
    deadline = time.monotonic() + 30
    while True:
        connection = http.client.HTTPConnection(address, timeout=10)
        try:
            connection.request(method, path, headers={"Accept": "application/vnd.oci.image.manifest.v1+json"})
            answer = connection.getresponse()
            answer.read()
        except ConnectionRefusedError:
            if time.monotonic() > deadline or process.poll() is not None:
                raise
            time.sleep(0.05)
        else:
            return answer.status, answer.headers
        finally:
            connection.close()
