"""Debian packages of the source `official`: InRelease, index, closure, one reproducible tar file."""

from __future__ import annotations

import hashlib
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from unit.mirror_official.archive_key import ArchiveKey
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


IN_RELEASE, PACKAGES = "/dists/bookworm/InRelease", "/dists/bookworm/main/binary-amd64/Packages.xz"


def release_text(packed: bytes, **fields: str) -> str:
    named = {"Origin": "Debian", "Suite": "oldstable", "Codename": "bookworm", **fields}
    head = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in named.items())
    return f"{head}SHA256:\n {hashlib.sha256(packed).hexdigest()} {len(packed)} main/binary-amd64/Packages.xz\n"


@pytest.fixture(scope="module")
def archive() -> ArchiveKey:
    """The key of Debian's archive, for these tests."""
    return ArchiveKey()


@pytest.fixture
def suite(publishers: Publishers, archive: ArchiveKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publishers:
    archive.write_keyring(tmp_path / "archive.gpg")
    monkeypatch.setenv("WINDLASS_DEBIAN_KEYRING", str(tmp_path / "archive.gpg"))
    packed = lzma.compress(index_text().encode())
    publishers.publish(IN_RELEASE, archive.signed(release_text(packed)))
    publishers.publish(PACKAGES, packed)
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
    suite.resources[PACKAGES].content = b"another"
    with pytest.raises(IntegrityError, match=r"Packages\.xz: the SHA-256 should be"):
        make_source().produce(ENGINE, into, progress)


def answer_with(suite: Publishers, in_release: bytes, packed: bytes) -> None:
    """Let whoever answers for the archive give another index, and the file that vouches for it."""
    suite.publish(IN_RELEASE, in_release)
    suite.publish(PACKAGES, packed)


EVIL = lzma.compress(index_text().replace("1.8.9", "1.8.9-evil").encode())


def test_another_index_with_a_release_file_to_match_is_refused(
    suite: Publishers, archive: ArchiveKey, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    honest, other = suite.resources[IN_RELEASE].content.decode(), release_text(EVIL)
    line = next(line for line in honest.splitlines() if line.endswith("Packages.xz"))
    forgeries = {
        "not signed": other.encode(),
        "signed by somebody else": ArchiveKey().signed(other),
        "changed after it was signed": honest.replace(line, other.splitlines()[-1]).encode(),
        "put before what is signed": f"{other}\n{honest}".encode(),
        "put after what is signed": f"{honest.replace(line, '')}\n{other}".encode(),
        "one more signed text": archive.signed("Codename: bookworm\n") + ArchiveKey().signed(other),
    }
    for forgery, in_release in forgeries.items():
        answer_with(suite, in_release, EVIL)
        with pytest.raises(IntegrityError, match=r"InRelease: "):
            make_source().produce(ENGINE, into, progress)
        assert not list(into.iterdir()), forgery


def test_a_signed_index_of_another_suite_is_refused(
    suite: Publishers, archive: ArchiveKey, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    answer_with(suite, archive.signed(release_text(EVIL, Suite="oldoldstable", Codename="bullseye")), EVIL)
    with pytest.raises(IntegrityError, match="signed it for `bullseye`, not for `bookworm`"):
        make_source().produce(ENGINE, into, progress)


def test_an_index_that_is_over_is_refused(
    suite: Publishers, archive: ArchiveKey, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    answer_with(suite, archive.signed(release_text(EVIL, Valid_Until="Sat, 12 Jul 2025 10:16:37 UTC")), EVIL)
    with pytest.raises(IntegrityError, match="it holds until Sat, 12 Jul 2025"):
        make_source().produce(ENGINE, into, progress)


def test_without_a_keyring_nothing_is_taken(
    suite: Publishers,
    make_source: Callable[..., OfficialSource],
    into: Path,
    progress: Heard,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WINDLASS_DEBIAN_KEYRING", str(into / "absent.gpg"))
    with pytest.raises(WindlassError, match="install gpgv and debian-archive-keyring"):
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
