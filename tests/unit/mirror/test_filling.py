from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from windlass.domain.artifacts import Artifact
from windlass.errors import WindlassError
from windlass.mirror.build_record import SourceCache
from windlass.mirror.filling import Fill, drop_damaged, missing, with_registry

from .fakes import IMAGE, REGISTRY, TOOL, QuietBoard, SourceOfBytes, StoreInDirectory, sha256

CONTENTS = {REGISTRY: b"registry program", TOOL: b"tool program", IMAGE: b"pause program"}


@pytest.fixture
def source_cache(tmp_path: Path) -> SourceCache:
    return SourceCache(tmp_path / "mirror", "modules")


def fill(source: SourceOfBytes, source_cache: SourceCache, display: QuietBoard | None = None) -> Fill:
    work = source_cache.directory.parent / "work"
    return Fill(source, source_cache, work, display or QuietBoard(), StoreInDirectory(source_cache.registry))


def fill_all(source: SourceOfBytes, source_cache: SourceCache) -> None:
    fill(source, source_cache).run(missing(source, source_cache, source.artifacts()))


def test_puts_every_artifact_in_its_place_and_into_the_lock(source_cache: SourceCache) -> None:
    source = SourceOfBytes(CONTENTS)

    filled = fill(source, source_cache).run(source.artifacts())

    assert set(filled.done) == set(CONTENTS)
    assert (source_cache.directory / "files/tool/v2/tool").read_bytes() == b"tool program"
    assert os.access(source_cache.file(TOOL), os.X_OK)
    lock = json.loads((source_cache.directory / "lock.json").read_text())
    assert lock["source"] == "modules"
    assert lock["artifacts"]["file:tool:v2"] == {"digest": sha256(b"tool program"), "size": 12, "origin": "build"}
    manifest = source_cache.blob(lock["artifacts"]["image:pause:3.10"]["digest"])
    assert sha256(manifest.read_bytes()) == lock["artifacts"]["image:pause:3.10"]["digest"]


def test_second_fill_makes_nothing(source_cache: SourceCache) -> None:
    source = SourceOfBytes(CONTENTS)
    fill_all(source, source_cache)
    source.asked.clear()

    assert missing(source, source_cache, source.artifacts()) == ()
    fill_all(source, source_cache)

    assert source.asked == []


def test_makes_only_what_has_another_recipe_now(source_cache: SourceCache) -> None:
    source = SourceOfBytes(CONTENTS)
    fill_all(source, source_cache)

    source.recipes[TOOL] = "r2"

    assert missing(source, source_cache, source.artifacts()) == (TOOL,)


def test_goes_on_after_an_interruption_where_it_was(source_cache: SourceCache) -> None:
    def interrupt(artifact: Artifact) -> None:
        if artifact == TOOL:
            raise KeyboardInterrupt

    source = SourceOfBytes({REGISTRY: b"registry program", TOOL: b"tool program"}, before=interrupt, workers=1)
    interrupted = []
    with pytest.raises(KeyboardInterrupt):
        fill(source, source_cache).run(source.artifacts(), on_interrupt=lambda: interrupted.append("stopped"))
    assert interrupted == ["stopped"]
    assert not source_cache.file(TOOL).exists()
    assert missing(source, source_cache, source.artifacts()) == (TOOL,)

    source.before = lambda artifact: None
    source.asked.clear()
    fill_all(source, source_cache)

    assert source.asked == [TOOL]
    assert not (source_cache.directory.parent / "work").exists()


def test_one_failure_does_not_stop_the_others(source_cache: SourceCache) -> None:
    def fail(artifact: Artifact) -> None:
        if artifact == TOOL:
            raise WindlassError("the compiler is missing")

    source = SourceOfBytes(CONTENTS, before=fail)
    display = QuietBoard()
    filled = fill(source, source_cache, display).run(source.artifacts())

    assert set(filled.done) == {REGISTRY, IMAGE}
    assert str(filled.failed[TOOL]) == "the compiler is missing"
    assert str(display.finished[TOOL]) == "the compiler is missing"
    assert display.finished[IMAGE] is None


def test_full_disk_is_an_error_of_that_artifact(source_cache: SourceCache) -> None:
    def fail(artifact: Artifact) -> None:
        if artifact == TOOL:
            raise OSError(28, "No space left on device")

    source = SourceOfBytes(CONTENTS, before=fail)
    filled = fill(source, source_cache).run(source.artifacts())

    assert "No space left on device" in str(filled.failed[TOOL])
    assert set(filled.done) == {REGISTRY, IMAGE}


def test_a_file_that_was_cut_short_is_made_again(source_cache: SourceCache) -> None:
    source = SourceOfBytes(CONTENTS)
    fill_all(source, source_cache)
    source_cache.file(TOOL).write_bytes(b"tool")

    assert source_cache.state(TOOL, "r1") == "damaged"
    fill_all(source, source_cache)

    assert source_cache.file(TOOL).read_bytes() == b"tool program"


def test_verification_finds_flipped_bits_under_an_old_date(source_cache: SourceCache) -> None:
    source = SourceOfBytes(CONTENTS)
    fill_all(source, source_cache)
    tool = source_cache.file(TOOL)
    before = tool.stat()
    tool.write_bytes(b"tool progRam")
    os.utime(tool, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert missing(source, source_cache, source.artifacts()) == ()

    assert drop_damaged(source_cache, source.artifacts()) == (tool,)
    fill_all(source, source_cache)

    assert tool.read_bytes() == b"tool program"


def test_verification_finds_a_damaged_layer_and_puts_the_image_back(source_cache: SourceCache) -> None:
    source = SourceOfBytes(CONTENTS)
    fill_all(source, source_cache)
    record = source_cache.record(IMAGE)
    assert record is not None
    blob = source_cache.directory / record.files[1].path
    content = blob.read_bytes()
    blob.write_bytes(bytes([content[0] ^ 1]) + content[1:])

    assert drop_damaged(source_cache, source.artifacts()) == (blob,)
    fill_all(source, source_cache)

    assert blob.read_bytes() == content


def test_an_image_without_its_tag_is_put_there_again(source_cache: SourceCache) -> None:
    source = SourceOfBytes(CONTENTS)
    fill_all(source, source_cache)

    source_cache.tag(IMAGE).unlink()
    assert missing(source, source_cache, source.artifacts()) == (IMAGE,)

    source_cache.tag(IMAGE).write_text(sha256(b"another image"))
    assert missing(source, source_cache, source.artifacts()) == (IMAGE,)


def test_images_wait_for_the_registry_even_when_it_is_slow(source_cache: SourceCache) -> None:
    order: list[str] = []

    def note(artifact: Artifact) -> None:
        if artifact == REGISTRY:
            order.append("registry")

    source = SourceOfBytes({IMAGE: b"pause", REGISTRY: b"registry"}, before=note)
    store = StoreInDirectory(source_cache.registry)
    Fill(source, source_cache, source_cache.directory.parent / "work", QuietBoard(), store).run(source.artifacts())

    assert order == ["registry"]
    assert store.pushed == [IMAGE]
    assert store.closed


def test_a_choice_with_images_takes_the_registry_along() -> None:
    assert with_registry((IMAGE,), tuple(CONTENTS)) == (REGISTRY, IMAGE)
    assert with_registry((TOOL,), tuple(CONTENTS)) == (TOOL,)


def test_an_unreadable_stamp_counts_as_none(source_cache: SourceCache) -> None:
    source = SourceOfBytes(CONTENTS)
    fill_all(source, source_cache)
    (source_cache.directory / "stamps/file-tool-v2.json").write_text("{")

    assert missing(source, source_cache, source.artifacts()) == (TOOL,)
