"""The catalog's directories."""

from __future__ import annotations

from pathlib import Path

from windlass.domain.catalog import Catalog, CatalogFiles, parse_catalog, parse_stacks
from windlass.domain.catalog.parsing import CATALOG_FILE, TEMPLATE_SUFFIX
from windlass.domain.catalog.stack_files import STACK_FILE


def load_catalog(directory: Path) -> Catalog:
    """Read every release below `directory`, and the stacks for specs to pick in the directory `stacks` beside it.

    SpecError that lists all that is wrong, each with file, line and path.
    """
    catalog = parse_catalog(_read(directory, CATALOG_FILE))
    stacks = parse_stacks(_read(directory.with_name("stacks"), STACK_FILE))
    return Catalog({version: release.with_stacks(stacks) for version, release in catalog.releases.items()})


def _read(directory: Path, file: str) -> CatalogFiles:
    paths = [*directory.glob(f"*/{file}"), *directory.glob(f"*/**/*{TEMPLATE_SUFFIX}")]
    directories = frozenset(path.name for path in directory.glob("*/"))
    texts = {path.relative_to(directory).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    return CatalogFiles(str(directory), directories, texts)
