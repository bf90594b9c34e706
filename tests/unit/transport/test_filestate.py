from __future__ import annotations

import hashlib

import pytest

from windlass.effects.transport.connection import FileState, RemoteFile
from windlass.effects.transport.filestate import check_relative, is_as_wanted, pack, parse

DIGEST = hashlib.sha256(b"x").hexdigest()
FILE = RemoteFile(b"x", 0o600, "root:root")


def test_listing_is_read_whatever_the_path() -> None:
    listing = f"8180 0:0 root:root /a b\0a1ff 0:0 root:root /link\0{DIGEST}  /a b\0{DIGEST}  /link\0"
    assert parse(listing.encode()) == {"/a b": FileState(DIGEST, 0o600, "root:root", "0:0")}


@pytest.mark.parametrize(
    "state",
    [
        None,
        FileState("0" * 64, 0o600, "root:root", "0:0"),
        FileState(DIGEST, 0o644, "root:root", "0:0"),
        FileState(DIGEST, 0o600, "ops:ops", "1000:1000"),
    ],
)
def test_each_difference_is_seen(state: FileState | None) -> None:
    assert not is_as_wanted(state, FILE)


def test_owner_may_be_given_by_number() -> None:
    state = FileState(DIGEST, 0o600, "root:root", "0:0")
    assert is_as_wanted(state, FILE)
    assert is_as_wanted(state, RemoteFile(b"x", 0o600, "0:0"))


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
