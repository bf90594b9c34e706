"""The documentation speaks the field's words; docs/glossary.md alone has the old ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .pages import DOCS, ROOT, defined_in

PAGES = sorted({ROOT / "README.md", ROOT / "SECURITY.md", *DOCS.rglob("*.md")} - {DOCS / "glossary.md"})
OLD = re.compile(
    r"\b(made anew|makes? \w+ anew|amid|in vain|healing|healed|(?<!fault )(?<!faults\.)(?<!`)mend)\b", re.IGNORECASE
)
DOTTED = re.compile(r"`(windlass(?:\.\w+)+)`")
NAMES = sorted({name for page in PAGES for name in DOTTED.findall(page.read_text(encoding="utf-8"))})
GROUPS = {"windlass.drivers", "windlass.host_providers", "windlass.notifiers", "windlass.stacks"}
"""Names of entry points, which are no modules."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_has_an_old_word(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if OLD.search(line)] == []


@pytest.mark.parametrize("name", sorted(set(NAMES) - GROUPS))
def test_a_dotted_name_is_that_of_a_module_or_of_something_in_it(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    where = file_of(module)
    assert file_of(name) or (where and attribute in defined_in(where))


def file_of(module: str) -> Path | None:
    path = ROOT / "plugins" / module.replace(".", "/")
    return next((one for one in (path.with_suffix(".py"), path / "__init__.py") if one.is_file()), None)
