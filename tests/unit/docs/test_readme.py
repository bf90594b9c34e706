"""The README's map is true, what it calls planned is not there, and what it calls there is."""

from __future__ import annotations

import pytest

from .pages import ROOT, code, rows, sections

README = ROOT / "README.md"
SECURITY = ROOT / "SECURITY.md"
PAGE = sections(README)
DAGS = {path.stem for path in (ROOT / "dags").glob("*.py")}
MAP = {path: cells[1] for cells in rows(PAGE["Find your way"]) for path in code(cells[0])}
PLANNED_DAGS = {name for cells in rows(PAGE["Planned, not there yet"]) for name in code(cells[0])[:1]}


@pytest.mark.parametrize("path", MAP)
def test_the_map_is_true(path: str) -> None:
    where = ROOT / path
    assert where.exists()
    if path.startswith("plugins/windlass/"):
        named = [name for name in code(MAP[path]) if not name.endswith(".py")]
        assert [name for name in named if not (where / name).is_dir()] == []


def test_every_layer_of_the_package_is_on_the_map() -> None:
    layers = {one.parent.name for one in (ROOT / "plugins" / "windlass").glob("*/__init__.py")}
    assert {f"plugins/windlass/{layer}/" for layer in layers} <= MAP.keys()


def test_the_table_of_operations_has_dags_that_are_there() -> None:
    before = README.read_text(encoding="utf-8").split("\n## ")[0]
    named = {name for cells in rows(before) for name in code(cells[1])}
    assert named <= DAGS
    assert DAGS - named == {"backup_dispatch", "run_command"}  # the one starts others, the other is the commands'


def test_what_is_planned_is_not_there() -> None:
    assert "rollback_upgrade" in PLANNED_DAGS
    assert not PLANNED_DAGS & DAGS


def test_who_is_trusted_with_what_is_told_and_linked() -> None:
    assert "](SECURITY.md)" in README.read_text(encoding="utf-8")
    assert list(sections(SECURITY)) == [
        "Reporting a flaw",
        "Who is trusted with what",
        "What is promised today",
        "What is not promised yet",
        "What an operator must do",
    ]
    assert "@" not in SECURITY.read_text(encoding="utf-8").replace("`@cert-authority`", "")  # no address for mail
    assert any(title.startswith("Tenancy") for title in sections(ROOT / "docs" / "airflow.md"))
