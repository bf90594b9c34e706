from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.host.file_drift import (
    ROOT,
    Absent,
    DesiredFile,
    FileState,
    ObservedFile,
    OtherKind,
    ToBeIssued,
    Unknown,
    desired_file,
    find_file_drift,
)
from windlass.domain.pki import HostFile
from windlass.domain.rendering import RenderedFile
from windlass.effects.ssh.connection import RemoteFile

KEY = "/etc/windlass/pki/apiserver.key"
DIGEST = hashlib.sha256(b"key").hexdigest()
DESIRED = DesiredFile(DIGEST, 0o600)
GOOD = FileState(DIGEST, 0o600, "root:root", "0:0")

digests = st.binary(max_size=4).map(lambda content: hashlib.sha256(content).hexdigest())
modes = st.integers(0, 0o7777)
owners = st.tuples(st.sampled_from(["root", "nobody", "etcd"]), st.sampled_from(["root", "nogroup"])).map(":".join)
files = st.dictionaries(
    st.text("abc", min_size=1, max_size=4).map("/etc/windlass/{}".format),
    st.builds(DesiredFile, digests, modes, owners),
)


def applied(desired: dict[str, DesiredFile]) -> dict[str, ObservedFile]:
    return {path: FileState(str(file.content), file.mode, file.owner, "1:2") for path, file in desired.items()}


def told(observed: ObservedFile, desired: DesiredFile = DESIRED) -> list[str]:
    return [str(one) for one in find_file_drift({KEY: desired}, {KEY: observed})]


@given(files)
def test_what_was_applied_does_not_differ(desired: dict[str, DesiredFile]) -> None:
    assert find_file_drift(desired, applied(desired)) == ()


@given(files, st.data())
def test_any_single_difference_is_found_and_no_other(desired: dict[str, DesiredFile], data: st.DataObject) -> None:
    observed = applied(desired)
    if not desired:
        return
    path = data.draw(st.sampled_from(sorted(desired)))
    state = observed[path]
    assert isinstance(state, FileState)
    others: list[tuple[ObservedFile | None, bool]] = [
        (replace(state, sha256=data.draw(digests.filter(lambda one: one != state.sha256))), False),
        (replace(state, mode=data.draw(modes.filter(lambda one: one != state.mode))), True),
        (replace(state, owner=data.draw(owners.filter(lambda one: one != state.owner))), True),
        (Absent(), False),
        (OtherKind("directory"), False),
        (Unknown(), False),
        (None, False),
    ]
    other, is_access_only = data.draw(st.sampled_from(others))
    rest = {one: file for one, file in observed.items() if one != path}

    drift = find_file_drift(desired, rest if other is None else {**rest, path: other})

    assert [(one.path, one.is_access_only) for one in drift] == [(path, is_access_only)]


@pytest.mark.parametrize(
    ("observed", "words"),
    [
        (GOOD, []),
        (replace(GOOD, mode=0o666), [f"{KEY}: mode 0666 -> 0600"]),
        (replace(GOOD, mode=0o4600), [f"{KEY}: mode 4600 -> 0600"]),
        (replace(GOOD, owner="nobody:root", owner_ids="65534:0"), [f"{KEY}: owner nobody -> root"]),
        (replace(GOOD, owner="root:ops", owner_ids="0:1000"), [f"{KEY}: group ops -> root"]),
        (replace(GOOD, owner="ops:ops", owner_ids="1000:1000"), [f"{KEY}: owner ops:ops -> root:root"]),
        (
            FileState(DIGEST, 0o666, "nobody:root", "65534:0"),
            [f"{KEY}: mode 0666 -> 0600, owner nobody -> root"],
        ),
        (replace(GOOD, owner="UNKNOWN:root", owner_ids="4711:0"), [f"{KEY}: owner 4711:0 -> root:root"]),
        (FileState("0" * 64, 0o666, "root:root", "0:0"), [f"{KEY} is another, mode 0666 -> 0600"]),
        (Absent(), [f"{KEY} is lost"]),
        (OtherKind("symbolic link"), [f"{KEY} is a symbolic link"]),
        (Unknown("its content cannot be read"), [f"{KEY} could not be looked at (its content cannot be read)"]),
    ],
)
def test_each_difference_is_told_in_words(observed: ObservedFile, words: list[str]) -> None:
    assert told(observed) == words


@pytest.mark.parametrize(
    ("mode", "told"),
    [(0o644, []), (0o640, []), (0o600, []), (0o666, ["mode 0666 -> 0644"]), (0o662, ["mode 0662 -> 0640"])],
)
def test_a_file_that_is_its_owners_too_is_only_closed(mode: int, told: list[str]) -> None:
    shared = DesiredFile("0" * 64, is_shared=True)
    observed = FileState("0" * 64, mode, "ops:ops", "7:7")
    assert [one for drift in find_file_drift({KEY: shared}, {KEY: observed}) for one in drift.access] == told


def test_owner_may_be_given_by_number() -> None:
    assert told(GOOD, replace(DESIRED, owner="0:0")) == []
    assert told(replace(GOOD, owner="ops:ops", owner_ids="1:0"), replace(DESIRED, owner="0:0")) == [
        f"{KEY}: owner 1 -> 0"
    ]


def test_a_certificate_that_is_to_be_issued_is_no_file_that_is_there() -> None:
    due = replace(DESIRED, content=ToBeIssued("cp-1/apiserver"))
    assert told(replace(GOOD, mode=0o666), due) == [f"{KEY} is due for renewal, mode 0666 -> 0600"]
    assert told(Absent(), due) == [f"{KEY} is lost"]


@pytest.mark.parametrize("make", [RenderedFile, HostFile, RemoteFile])
def test_whoever_makes_a_file_says_the_same_of_its_owner(make: type[RenderedFile | HostFile | RemoteFile]) -> None:
    assert desired_file(make(b"key", 0o600)) == replace(DESIRED, owner=ROOT)
    assert desired_file(make(b"key", 0o600, "etcd:etcd")) == replace(DESIRED, owner="etcd:etcd")
