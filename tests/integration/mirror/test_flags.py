"""What the catalog says of the components' flags is what the programs in the mirror say."""

from __future__ import annotations

from pathlib import Path

import pytest

from windlass.effects.catalog import load_catalog
from windlass.effects.packaged import catalog_directory
from windlass.mirror import cache
from windlass.mirror.commands import Commands
from windlass.mirror.flag_record import ask_flags

CATALOG = load_catalog(catalog_directory())


@pytest.mark.parametrize("version", CATALOG.versions)
def test_the_record_of_a_release_is_what_its_programs_say(version: str, tmp_path: Path) -> None:
    release = CATALOG.release(version)
    assert release.flags == {
        name: type(known)(known.flags, tuple(sorted(known.gates)))
        for name, known in ask_flags(release, cache.source_cache(), Commands(), tmp_path).items()
    }, "run `windlass mirror`, which records the flags of what it has"
