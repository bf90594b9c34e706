"""The catalog's directory."""

from __future__ import annotations

from pathlib import Path

from windlass.domain.catalog import Catalog, CatalogFiles, parse_catalog
from windlass.domain.catalog.parsing import CATALOG_FILE, TEMPLATE_SUFFIX


def load_catalog(directory: Path) -> Catalog:
    """Read every release below `directory`; SpecError that lists all that is wrong, each with file, line and path."""
    paths = [*directory.glob(f"*/{CATALOG_FILE}"), *directory.glob(f"*/**/*{TEMPLATE_SUFFIX}")]
    directories = frozenset(path.name for path in directory.glob("*/"))
    texts = {path.relative_to(directory).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    return parse_catalog(CatalogFiles(str(directory), directories, texts))
