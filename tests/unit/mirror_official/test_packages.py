"""Debian packages of the source `official`: InRelease, index, closure, one reproducible tar file."""

from __future__ import annotations

import hashlib
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from windlass.domain.artifacts import Artifact
from windlass.errors import IntegrityError, WindlassError
from windlass.mirror.debian_index import needed, parse_index, release_sha256
from windlass.mirror.official import OfficialSource

if TYPE_CHECKING:
    from tests.unit.mirror_official.conftest import Heard, Publishers

ENGINE = Artifact("file", "docker-engine", "v20.10.24")
DEBS = {name: f"the package {name}".encode() for name in ("docker.io", "runc", "iptables", "libc6", "libsystemd0")}
STANZAS = """\
Package: docker.io
Version: 20.10.24+dfsg1-1
Filename: pool/docker.io_20.10.24_amd64.deb
SHA256: {docker_io}
Pre-Depends: libc6 (>= 2.34)
Depends: runc (>= 1.0.0~rc8~), libsystemd0 | libelogind0, xtables
Description: containers
 continued: on a second line

Package: runc
Version: 1.1.5
Filename: pool/runc_1.1.5_amd64.deb
SHA256: {runc}
Depends: docker.io:any

Package: iptables
Version: 1.8.9
Filename: pool/iptables_1.8.9_amd64.deb
SHA256: {iptables}
Provides: xtables (= 1.8)

Package: libc6
Version: 2.36
Filename: pool/libc6_2.36_amd64.deb
SHA256: {libc6}
Priority: required

Package: libsystemd0
Version: 252
Filename: pool/libsystemd0_252_amd64.deb
SHA256: {libsystemd0}
"""


def index_text() -> str:
    return STANZAS.format_map(
        {name.replace(".", "_"): hashlib.sha256(content).hexdigest() for name, content in DEBS.items()}
    )


@pytest.fixture
def suite(publishers: Publishers) -> Publishers:
    packed = lzma.compress(index_text().encode())
    release = (
        f"Origin: Debian\nSHA256:\n {hashlib.sha256(packed).hexdigest()} {len(packed)} main/binary-amd64/Packages.xz\n"
    )
    publishers.publish("/dists/bookworm/InRelease", release.encode())
    publishers.publish("/dists/bookworm/main/binary-amd64/Packages.xz", packed)
    for package in parse_index(index_text().encode(), "Packages").values():
        publishers.publish(f"/{package.path}", DEBS[package.name])
    return publishers


def test_the_engine_comes_with_what_it_needs_and_hosts_lack(
    suite: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    produced = make_source().produce(ENGINE, into, progress)
    with tarfile.open(produced.path) as archive:
        names = archive.getnames()
        content = {name: archive.extractfile(name).read() for name in names}
    assert names == [
        "docker.io_20.10.24_amd64.deb",
        "iptables_1.8.9_amd64.deb",
        "libsystemd0_252_amd64.deb",
        "runc_1.1.5_amd64.deb",
    ]
    assert content["runc_1.1.5_amd64.deb"] == DEBS["runc"]
    assert produced.origin == "publisher"


def test_two_runs_make_the_same_bytes(
    suite: Publishers, make_source: Callable[..., OfficialSource], tmp_path: Path, progress: Heard
) -> None:
    made = []
    for number in range(2):
        into = tmp_path / str(number)
        into.mkdir()
        made.append(make_source().produce(ENGINE, into, progress).path.read_bytes())
    assert made[0] == made[1]


def test_a_package_unlike_the_index_is_refused(
    suite: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    suite.resources["/pool/runc_1.1.5_amd64.deb"].content = b"another"
    with pytest.raises(IntegrityError, match=r"/pool/runc_1\.1\.5_amd64\.deb: the SHA-256 should be"):
        make_source().produce(ENGINE, into, progress)


def test_an_index_unlike_the_release_file_is_refused(
    suite: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    suite.resources["/dists/bookworm/main/binary-amd64/Packages.xz"].content = b"another"
    with pytest.raises(IntegrityError, match=r"Packages\.xz: the SHA-256 should be"):
        make_source().produce(ENGINE, into, progress)


def test_another_version_of_the_engine_is_said(
    suite: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    with pytest.raises(WindlassError, match=r"bookworm has docker\.io 20\.10\.24\+dfsg1-1; put that version"):
        make_source().produce(Artifact("file", "docker-engine", "v26.1.5"), into, progress)


def test_a_release_file_without_the_index_is_refused() -> None:
    with pytest.raises(IntegrityError, match="lists no SHA-256 for `main/x`"):
        release_sha256("Origin: Debian\nSHA256:\n abc 1 main/y\n", "main/x", "http://debian.example/InRelease")


def test_a_need_that_nothing_meets_is_said() -> None:
    index = parse_index(index_text().replace("xtables (= 1.8)", "something-else").encode(), "Packages")
    with pytest.raises(WindlassError, match=r"nothing for `xtables`, which docker\.io needs"):
        needed(["docker.io"], index)
