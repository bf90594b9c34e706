"""The mirror filled from the official source: what the lock says then, and that it decides from then on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from windlass.domain.artifacts import Artifact
from windlass.errors import WindlassError
from windlass.mirror.build_record import SourceCache
from windlass.mirror.filling import Fill, Filled
from windlass.mirror.official import OfficialSource
from windlass.mirror.official_catalog import OfficialCatalog

if TYPE_CHECKING:
    from tests.unit.mirror_official.conftest import Heard, Publishers

KUBELET = Artifact("file", "kubelet", "v1.37.2")
KUBELET_PATH = "/release/v1.37.2/bin/linux/amd64/kubelet"


class Quiet:
    """A board that hands every artifact the same listener."""

    def __init__(self, progress: Heard) -> None:
        self._progress = progress

    def start(self, artifact: Artifact) -> Heard:
        return self._progress

    def finish(self, artifact: Artifact, error: WindlassError | None) -> None:
        """Show nothing."""


@pytest.fixture
def source_cache(tmp_path: Path) -> SourceCache:
    return SourceCache(tmp_path / "mirror" / "official", "official")


@pytest.fixture
def fill(source_cache: SourceCache, progress: Heard, tmp_path: Path) -> Callable[[OfficialSource], Filled]:
    return lambda source: Fill(source, source_cache, tmp_path / "work", Quiet(progress)).run([KUBELET])


def publish(publishers: Publishers, content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    publishers.publish(KUBELET_PATH, content)
    publishers.publish(f"{KUBELET_PATH}.sha256", digest.encode())
    return digest


def test_the_lock_keeps_what_the_publisher_said(
    publishers: Publishers,
    make_source: Callable[..., OfficialSource],
    source_cache: SourceCache,
    fill: Callable[[OfficialSource], Filled],
) -> None:
    digest = publish(publishers, b"the first build")
    assert fill(make_source()).failed == {}
    locked = source_cache.lock().artifacts[KUBELET]
    assert (locked.digest, locked.origin) == (f"sha256:{digest}", "publisher")


def test_what_nobody_vouches_for_is_locked_as_unverified(
    publishers: Publishers,
    catalog: OfficialCatalog,
    make_source: Callable[..., OfficialSource],
    source_cache: SourceCache,
    fill: Callable[[OfficialSource], Filled],
) -> None:
    publish(publishers, b"the first build")
    unsigned = replace(catalog.files["kubelet"], checksum=None)
    fill(replace(make_source(), catalog=replace(catalog, files={**catalog.files, "kubelet": unsigned})))
    assert source_cache.lock().artifacts[KUBELET].origin == "unverified"


def test_a_release_that_its_publisher_replaced_does_not_come_in(
    publishers: Publishers,
    make_source: Callable[..., OfficialSource],
    source_cache: SourceCache,
    fill: Callable[[OfficialSource], Filled],
) -> None:
    digest = publish(publishers, b"the first build")
    fill(make_source())
    publish(publishers, b"another build under the same version")
    source_cache.file(KUBELET).unlink()
    filled = fill(replace(make_source(), lock=source_cache.lock()))
    assert f"should be {digest}" in str(filled.failed[KUBELET])
    assert not source_cache.file(KUBELET).exists()
