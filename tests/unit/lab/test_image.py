from __future__ import annotations

from pathlib import Path

from windlass_lab.image import mounts_below, parse_index_targets, recipe_hash


def recipe(directory: Path, **files: str) -> str:
    directory.mkdir()
    for name, content in files.items():
        (directory / name).write_text(content)
    return recipe_hash(directory)


def test_another_recipe_is_another_image(tmp_path: Path) -> None:
    first = recipe(tmp_path / "a", packages="curl\n", setup="true\n")
    assert recipe(tmp_path / "b", packages="curl\n", setup="true\n") == first
    assert recipe(tmp_path / "c", packages="curl\n", setup="false\n") != first
    assert recipe(tmp_path / "d", packages="curl\ntrue\n", setup="") != first


def test_takes_the_packages_of_its_release_from_where_apt_does() -> None:
    targets = (
        "http://security.example/debian-security/ bookworm-security main\n"
        "http://packages.example/tools/ bookworm main\n"
        "http://packages.example/debian/ bookworm-updates main\n"
        "http://packages.example/debian/ bookworm main\n"
    )
    assert parse_index_targets(targets) == "http://packages.example/debian/"


def test_another_system_has_no_packages_for_it() -> None:
    assert parse_index_targets("http://packages.example/ubuntu/ noble main\n") == ""


def test_finds_what_a_build_that_was_killed_has_left_mounted() -> None:
    mounts = (
        "proc /proc proc rw 0 0\n"
        "proc /cache/a.root/proc proc rw 0 0\n"
        "sysfs /cache/a.root-2/sys sysfs rw 0 0\n"
        "none /cache/a.root/proc/sys/fs/binfmt_misc binfmt_misc rw 0 0\n"
    )
    assert mounts_below(mounts, Path("/cache/a.root")) == [
        "/cache/a.root/proc/sys/fs/binfmt_misc",
        "/cache/a.root/proc",
    ]
