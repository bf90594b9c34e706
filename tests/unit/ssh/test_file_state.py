from __future__ import annotations

import hashlib

import pytest

from windlass.domain.host.file_drift import Absent, FileState, ObservedFile, OtherKind, Unknown
from windlass.effects.ssh.connection import RemoteFile
from windlass.effects.ssh.file_state import check_relative, pack, parse

DIGEST = hashlib.sha256(b"x").hexdigest()
FILE = RemoteFile(b"x", 0o600, "root:root")


def test_listing_is_read_whatever_the_path() -> None:
    listing = f"8180 0:0 root:root /a b\0a1ff 0:0 root:root /link\0{DIGEST}  /a b\0{DIGEST}  /link\0"
    assert parse(listing.encode(), ["/a b", "/link"]) == {
        "/a b": FileState(DIGEST, 0o600, "root:root", "0:0"),
        "/link": OtherKind("symbolic link"),
    }


@pytest.mark.parametrize(
    ("listing", "state"),
    [
        ("absent /x\0", Absent()),
        ("41ed 0:0 root:root /x\0", OtherKind("directory")),
        ("1180 0:0 root:root /x\0", OtherKind("special file")),
        ("8180 0:0 root:root /x\0", Unknown("its content cannot be read")),
        ("", Unknown()),
        ("absent /x", Unknown()),
        ("8180 0:0 root:ro", Unknown()),
        (f"{DIGEST}  /x\0", Unknown()),
        (f"8180 0:0 root:root /x\0{DIGEST[:40]}\0", Unknown("its content cannot be read")),
        ("sudo: what nobody expects\0", Unknown()),
    ],
)
def test_what_is_not_said_to_the_end_is_unknown(listing: str, state: ObservedFile) -> None:
    assert parse(listing.encode(), ["/x"]) == {"/x": state}


def test_equal_files_pack_to_equal_bytes_whatever_their_order() -> None:
    files = {"b": FILE, "a/c": RemoteFile(b"y", 0o644, "ops:ops")}
    archive, owners = pack(files)
    assert pack(dict(reversed(files.items()))) == (archive, owners)
    assert owners == ["ops:ops", "root:root"]


@pytest.mark.parametrize("path", ["", "/a", "..", "a/../../b", "a/..", "a\0b"])
def test_paths_that_lead_outside_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="not a path inside"):
        check_relative(path)


def test_content_stays_out_of_the_repr() -> None:
    assert "s3cret" not in repr(RemoteFile(b"s3cret"))
