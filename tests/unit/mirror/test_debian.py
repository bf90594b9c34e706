from __future__ import annotations

import io
import lzma
import shutil
import tarfile
from pathlib import Path

import pytest

from windlass.errors import IntegrityError, WindlassError
from windlass.mirror.debian import Entry, check_release, merged, select, unpack, upstream_version
from windlass.mirror.elf import needed_libraries


def deb(path: Path, files: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    members = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", "data.tar.xz": lzma.compress(data.getvalue())}
    packed = b"!<arch>\n"
    for name, content in members.items():
        packed += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content
        packed += b"\n" if len(content) % 2 else b""
    path.write_bytes(packed)
    return path


def real_program() -> bytes:
    found = shutil.which("sh")
    assert found
    return Path(found).resolve().read_bytes()


def test_reads_which_libraries_a_real_program_needs() -> None:
    assert "libc.so.6" in needed_libraries(real_program())
    assert any(name.startswith("/lib") for name in needed_libraries(real_program()))
    assert needed_libraries(b"#!/bin/sh\n") == ()


def test_puts_files_of_the_old_directories_below_usr(tmp_path: Path) -> None:
    package = deb(
        tmp_path / "a.deb", {"./sbin/tool": b"1", "./usr/bin/other": b"2", "./etc/conf": b"3"}, {"./lib/x.so": "y.so"}
    )

    tree = unpack([package])

    assert tree["usr/sbin/tool"] == Entry(b"1", 0o755)
    assert tree["usr/lib/x.so"].link == "y.so"
    assert set(tree) == {"usr/sbin/tool", "usr/bin/other", "etc/conf", "usr/lib/x.so"}


def test_takes_what_links_point_to_and_the_libraries_that_programs_need() -> None:
    libraries = {
        merged(name) if "/" in name else f"usr/lib/x86_64-linux-gnu/{name}" for name in needed_libraries(real_program())
    }
    tree = {
        "usr/bin/sh": Entry(b"", 0o777, "/bin/dash"),
        "usr/bin/dash": Entry(real_program(), 0o755),
        "usr/bin/unwanted": Entry(b"", 0o755),
        **{path: Entry(b"library", 0o644) for path in libraries},
    }

    assert set(select(tree, ["usr/bin/sh"])) == {"usr/bin/sh", "usr/bin/dash", *libraries}


def test_says_which_library_no_package_has() -> None:
    tree = {"usr/bin/dash": Entry(real_program(), 0o755), "usr/lib64/ld-linux-x86-64.so.2": Entry(b"", 0o755)}

    with pytest.raises(WindlassError, match=r"usr/bin/dash needs libc\.so\.6"):
        select(tree, ["usr/bin/dash"])


def test_says_which_pattern_matches_nothing() -> None:
    with pytest.raises(WindlassError, match="`usr/sbin/absent-"):
        select({"usr/bin/x": Entry(b"", 0o755)}, ["usr/sbin/absent-*"])


def test_refuses_what_is_no_package(tmp_path: Path) -> None:
    broken = tmp_path / "broken.deb"
    broken.write_bytes(b"<html>")

    with pytest.raises(IntegrityError, match=r"broken\.deb is no Debian package"):
        unpack([broken])


def test_refuses_another_release_and_says_what_to_do(tmp_path: Path) -> None:
    release = tmp_path / "os-release"
    release.write_text("ID=debian\nVERSION_CODENAME=bookworm\n")
    check_release(release)
    release.write_text("ID=ubuntu\nVERSION_CODENAME=noble\n")

    with pytest.raises(WindlassError, match="--source official"):
        check_release(release)


@pytest.mark.parametrize(
    ("debian", "upstream"),
    [
        ("2.6.12-1+deb12u4", "2.6.12"),
        ("20.10.24+dfsg1-1+deb12u1+b6", "20.10.24"),
        ("1:1.35.0-4", "1.35.0"),
        ("1.1.5~rc1", "1.1.5"),
    ],
)
def test_tells_the_version_of_the_program(debian: str, upstream: str) -> None:
    assert upstream_version(debian) == upstream
