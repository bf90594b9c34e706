"""What comes along with the package is found where it is: in a checkout, in an installed package, or elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from windlass.effects.packaged import catalog_directory, dags_directory, find_part, include_directory

ROOT = Path(__file__).resolve().parents[3]


def test_in_a_checkout_it_stands_at_the_top(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WINDLASS_INCLUDE", raising=False)
    assert include_directory() == ROOT / "include"
    assert catalog_directory() == ROOT / "include/templates/kubernetes"
    assert dags_directory() == ROOT / "dags"


def test_in_an_installed_package_it_is_within(tmp_path: Path) -> None:
    (tmp_path / "lib/site-packages/windlass/dags").mkdir(parents=True)
    package = tmp_path / "lib/site-packages/windlass"
    assert find_part(package, "dags") == package / "dags"


def test_another_include_is_taken_where_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDLASS_INCLUDE", str(tmp_path))
    assert catalog_directory() == tmp_path / "templates/kubernetes"
