"""The catalog's directories."""

from __future__ import annotations

import os
from pathlib import Path

from windlass.domain.artifacts import FLAGS_FILE, Lock
from windlass.domain.catalog import (
    Catalog,
    CatalogFiles,
    Driver,
    Drivers,
    Release,
    StackTemplate,
    parse_catalog,
    parse_drivers,
    parse_stacks,
)
from windlass.domain.catalog.driver_files import DRIVER_FILE, merged
from windlass.domain.catalog.flags import ReleaseFlags
from windlass.domain.catalog.flaws import FLAWS_FILE
from windlass.domain.catalog.icons import ICON_FILE
from windlass.domain.catalog.kubelet_keys import KUBELET_FILE, KubeletKeys
from windlass.domain.catalog.parsing import CATALOG_FILE, TEMPLATE_SUFFIX, flags_of, kubelet_keys_of
from windlass.domain.catalog.stack_files import STACK_FILE, merged_stacks
from windlass.domain.catalog.tested import RECORD_FILE, Standing, TestRecord, standing
from windlass.effects.installed import DRIVERS, STACKS, installed_names, load_installed
from windlass.effects.packaged import catalog_directory
from windlass.errors import SpecError

DRIVERS_SETTING = "WINDLASS_DRIVERS"
"""Names the directories with drivers of one's own, as PATH names directories."""
STACKS_SETTING = "WINDLASS_STACKS"
"""The same for stacks of one's own."""


def load_catalog(directory: Path) -> Catalog:
    """Read every release below `directory`, and the stacks for specs to pick in the directory `stacks` beside it.

    SpecError that lists all that is wrong, each with file, line and path.
    """
    catalog = parse_catalog(_read(directory, CATALOG_FILE))
    stacks, drivers = load_stacks(directory), load_drivers(directory)
    return Catalog(
        {version: one.with_stacks(stacks).with_drivers(drivers) for version, one in catalog.releases.items()}
    )


def load_stacks(directory: Path) -> dict[str, StackTemplate]:
    """Read the stacks for specs to pick; SpecError lists all that is wrong with those beside the releases' `directory`.

    Others are in the directories that the setting WINDLASS_STACKS names, and in those of installed packages: what is
    wrong with one of these is told to who picks it. Of one name the first counts.
    """
    shipped = parse_stacks(_read(directory.with_name("stacks"), STACK_FILE))
    if problems := [one.broken for one in shipped.values() if one.broken]:
        raise SpecError("\n".join(problems))
    patterns = (f"*/{STACK_FILE}", f"**/*{TEMPLATE_SUFFIX}")
    others = (parse_stacks(_read_below(one, *patterns)) for one in _own(STACKS_SETTING, STACKS))
    return merged_stacks([shipped, *others])


def load_drivers(directory: Path) -> Drivers:
    """Read the drivers for specs to pick; those that are wrong are told apart.

    They are in the directory `drivers` beside the releases' `directory`, or where that is not there in Windlass's own,
    in those that the setting WINDLASS_DRIVERS names, and in those of installed packages; of one name the first counts.
    """
    beside = directory.with_name("drivers")
    shipped = beside if beside.is_dir() else catalog_directory().with_name("drivers")
    everywhere = [shipped, *_own(DRIVERS_SETTING, DRIVERS)]
    patterns = (f"*/*/{DRIVER_FILE}", f"*/*/{ICON_FILE}", f"**/*{TEMPLATE_SUFFIX}")
    return merged(parse_drivers(_read_below(one, *patterns)) for one in everywhere)


def named_directories(setting: str) -> list[Path]:
    """Return the directories that WINDLASS_DRIVERS or WINDLASS_STACKS names."""
    return [Path(one) for one in os.environ.get(setting, "").split(os.pathsep) if one]


def read_driver(directory: Path) -> Driver:
    """Read the one driver that lies in a directory `SLOT/NAME`; SpecError says all that is wrong with it."""
    files = _read_alone(directory, directory.parent.parent, DRIVER_FILE, ICON_FILE)
    drivers = parse_drivers(files)
    for why in drivers.broken.values():
        raise SpecError(why)
    return drivers.driver(directory.parent.name, directory.name)


def read_stack(directory: Path) -> StackTemplate:
    """Read the one stack that lies in a directory; SpecError says all that is wrong with it."""
    stack = parse_stacks(_read_alone(directory, directory.parent, STACK_FILE))[directory.name]
    if stack.broken:
        raise SpecError(stack.broken)
    return stack


def _read_alone(directory: Path, root: Path, file: str, *others: str) -> CatalogFiles:
    if not (directory / file).is_file():
        raise SpecError(f"{directory}: there is no {file} in it; name the directory of one")
    names = [file, *(one for one in others if (directory / one).is_file())]
    paths = [*(directory / one for one in names), *directory.rglob(f"*{TEMPLATE_SUFFIX}")]
    texts = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    return CatalogFiles(str(root), frozenset(), texts)


def _own(setting: str, group: str) -> list[Path]:
    """Return the directories of one's own: those that a setting names, then those of installed packages."""
    return [*named_directories(setting), *(_installed_directory(group, name) for name in installed_names(group))]


def _installed_directory(group: str, name: str) -> Path:
    """Return the directory that an installed package names; SpecError if it names something else."""
    found = load_installed(group, name)
    if not isinstance(found, str | Path):
        raise SpecError(f"the entry point `{name}` of `{group}` is no path of a directory; let it name a str or Path")
    return Path(found)


def load_flags(directory: Path) -> dict[str, ReleaseFlags]:
    """Read the recorded flags of every release below `directory`, by version; IntegrityError if that cannot be."""
    files = _read(directory, CATALOG_FILE)
    return {path.parent.name: flags_of(files, path.parent.name) for path in directory.glob(f"v*/{CATALOG_FILE}")}


def load_kubelet_keys(directory: Path) -> dict[str, KubeletKeys]:
    """Read what the kubelet of every release below `directory` takes, by version; IntegrityError if that cannot be."""
    files = _read(directory, CATALOG_FILE)
    return {path.parent.name: kubelet_keys_of(files, path.parent.name) for path in directory.glob(f"v*/{CATALOG_FILE}")}


def _read(directory: Path, file: str) -> CatalogFiles:
    beside = [*directory.glob(f"*/{FLAGS_FILE}"), *directory.glob(f"*/{KUBELET_FILE}")]
    paths = [
        *directory.glob(f"*/{file}"),
        *directory.glob(FLAWS_FILE),
        *beside,
        *directory.glob(f"*/**/*{TEMPLATE_SUFFIX}"),
    ]
    directories = frozenset(path.name for path in directory.glob("*/"))
    texts = {path.relative_to(directory).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    return CatalogFiles(str(directory), directories, texts)


def _read_below(directory: Path, *patterns: str) -> CatalogFiles:
    found = [path for pattern in patterns for path in directory.glob(pattern)]
    texts = {path.relative_to(directory).as_posix(): path.read_text(encoding="utf-8") for path in found}
    return CatalogFiles(str(directory), frozenset(), texts)


def load_record(directory: Path, version: str) -> TestRecord | None:
    """Read the record of the tests of a release; None if there is none, IntegrityError if it cannot be read."""
    path = directory / version / RECORD_FILE
    if not path.exists():
        return None
    return TestRecord.from_text(path.read_text(encoding="utf-8"), str(path))


def save_record(directory: Path, record: TestRecord) -> Path:
    """Write the record of the tests of a release beside its catalog.yaml, and return where it is."""
    path = directory / record.version / RECORD_FILE
    path.write_text(record.to_text(), encoding="utf-8")
    return path


def catalog_standing(directory: Path, release: Release, lock: Lock | None = None) -> Standing:
    """Say how a release of this catalog stands, with the bytes that `lock` gives where there is one."""
    return standing(release, load_record(directory, release.version), lock)
