"""Drivers and stacks of one's own are copied to where they are found, whole and tried, or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from unit.catalog.test_drivers import DRIVER, MANIFEST
from windlass.cli.main import main
from windlass.domain.catalog.icons import icon_problems
from windlass.effects.catalog import load_drivers, load_stacks

SHIPPED = Path(__file__).parents[3] / "include"
STACK = "description: Keeps.\nimages: {haproxy: release}\n"
COMPOSE = "services: {{ {'keep': {'image': images.haproxy}} | json }}\n"
ICON = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path d="M4 4h16"/></svg>'


@pytest.fixture
def include(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WINDLASS_DRIVERS", f"{tmp_path / 'own'}:{tmp_path / 'other'}")
    monkeypatch.setenv("WINDLASS_STACKS", str(tmp_path / "stacks"))
    shutil.copytree(SHIPPED / "templates", tmp_path / "include" / "templates")
    return tmp_path / "include"


def write(directory: Path, **files: str) -> Path:
    directory.mkdir(parents=True)
    for name, text in files.items():
        (directory / name.replace("__", ".")).write_text(text)
    return directory


def driver(tmp_path: Path, where: str = "monitoring/gauge", text: str = DRIVER, manifest: str = MANIFEST) -> Path:
    return write(tmp_path / "mine" / where, driver__yaml=text, gauge__yaml__j2=manifest, icon__svg=ICON)


def add(include: Path, kind: str, directory: Path) -> int:
    return main(["catalog", "--include", str(include), kind, "add", str(directory)])


def files_of(directory: Path) -> dict[str, bytes]:
    return {str(one.relative_to(directory)): one.read_bytes() for one in directory.rglob("*") if one.is_file()}


def test_a_driver_is_found_where_it_was_copied_to(include: Path, tmp_path: Path) -> None:
    source = driver(tmp_path)
    assert add(include, "drivers", source) == 0
    assert files_of(tmp_path / "own" / "monitoring" / "gauge") == files_of(source)
    found = load_drivers(include / "templates" / "kubernetes").driver("monitoring", "gauge")
    assert found.icon == ICON
    assert [one.name for one in (tmp_path / "own" / "monitoring").iterdir()] == ["gauge"]


def test_a_driver_that_is_there_is_left_as_it_is(
    include: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = driver(tmp_path)
    assert add(include, "drivers", source) == 0
    before = files_of(tmp_path / "own")
    (source / "gauge.yaml.j2").write_text(f"{MANIFEST}# another\n")
    assert add(include, "drivers", source) == 3
    assert "the catalog has a driver monitoring/gauge already" in capsys.readouterr().err
    assert add(include, "drivers", driver(tmp_path, "monitoring/metrics-server")) == 3
    assert files_of(tmp_path / "own") == before


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"text": DRIVER.replace("default: 7", "default: 70")}, "70 is out of range"),
        ({"where": "metrics/gauge"}, "there is no slot `metrics`"),
        ({"manifest": "{{ nothing }}"}, "does not render, and nothing was copied"),
        ({"manifest": "{{ 1 / 0 }}"}, "does not render, and nothing was copied"),
        ({"manifest": "{{ ''.__class__.__mro__ }}"}, "does not render, and nothing was copied"),
        ({"manifest": "a: ["}, "does not render, and nothing was copied"),
        ({"text": DRIVER.replace("1.37", "1.30")}, "is for no release of the catalog"),
    ],
)
def test_a_driver_that_could_not_be_picked_changes_nothing(
    include: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], files: dict[str, str], told: str
) -> None:
    assert add(include, "drivers", driver(tmp_path, **files)) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "own").exists()


def test_links_and_what_is_no_driver_are_refused(
    include: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = driver(tmp_path)
    (source / "notes").symlink_to("/etc/passwd")
    assert add(include, "drivers", source) == 2
    assert "is a link; nothing was copied" in capsys.readouterr().err
    assert add(include, "drivers", tmp_path) == 2
    assert "there is no driver.yaml in it" in capsys.readouterr().err
    monkeypatch.delenv("WINDLASS_DRIVERS")
    assert add(include, "drivers", source) == 2
    assert "WINDLASS_DRIVERS names no directory" in capsys.readouterr().err
    assert not (tmp_path / "own").exists()


def test_a_stack_is_found_where_it_was_copied_to_once_it_renders(include: Path, tmp_path: Path) -> None:
    stacks = tmp_path / "stacks"
    broken = write(tmp_path / "broken", stack__yaml=STACK, compose__yaml__j2="{{ nothing }}")
    assert add(include, "stacks", broken) == 2
    assert add(include, "stacks", write(tmp_path / "edge-proxy", stack__yaml=STACK, compose__yaml__j2=COMPOSE)) == 3
    assert add(include, "stacks", write(tmp_path / "etcd", stack__yaml=STACK, compose__yaml__j2=COMPOSE)) == 2
    assert not stacks.exists()
    assert add(include, "stacks", write(tmp_path / "keep", stack__yaml=STACK, compose__yaml__j2=COMPOSE)) == 0
    assert "keep" in load_stacks(include / "templates" / "kubernetes")
    assert files_of(stacks / "keep") == files_of(tmp_path / "keep")


def test_icons_that_are_shipped_are_shapes() -> None:
    icons = {
        one.key: one.icon for one in load_drivers(SHIPPED / "templates" / "kubernetes").loaded.values() if one.icon
    }
    assert "network/flannel" in icons
    assert {key: list(icon_problems(icon)) for key, icon in icons.items()} == {key: [] for key in icons}


@pytest.mark.parametrize(
    "inner",
    [
        "<script>alert(1)</script>",
        '<a href="https://example.com"><path d="M0 0"/></a>',
        '<image href="https://example.com/x.png"/>',
        '<path d="M0 0" onclick="alert(1)"/>',
        '<path d="M0 0" style="fill: red"/>',
        '<path d="M0 0" fill="url(https://example.com/#a)"/>',
        "<foreignObject/>",
        "<!-- a comment -->",
        "<path",
        "<g>" * 3000,
    ],
)
def test_icons_that_do_something_are_refused(inner: str) -> None:
    assert list(icon_problems(ICON.replace("</svg>", f"{inner}</svg>")))
    assert list(icon_problems(f"<!DOCTYPE svg>{ICON}"))
    assert list(icon_problems('<html xmlns="http://www.w3.org/1999/xhtml"/>'))
    assert not list(icon_problems(ICON))
