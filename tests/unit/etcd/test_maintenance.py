from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.etcd.maintenance import alarms_to_clear, compaction, complaints, next_defragmentation
from windlass.domain.etcd.membership import EtcdObservation
from windlass.domain.etcd.status import Alarm, ListedMember, MemberStatus, ObservedMember

MIB = 1024 * 1024
HOSTS = ("a", "b", "c")
IDS = {"a": 1, "b": 2, "c": 3}
URLS = {host: f"https://{host}:2380" for host in HOSTS}


def status(host: str, size: int = 400, used: int = 100, leader: int = 1) -> MemberStatus:
    return MemberStatus(
        IDS[host], 9, leader, 50, "3.7.3", 2, 7, 7, size * MIB, used * MIB, 2048 * MIB, is_learner=False, errors=()
    )


def look(
    statuses: Mapping[str, MemberStatus] | None = None, *alarms: Alarm, hosts: tuple[str, ...] = HOSTS
) -> EtcdObservation:
    seen = {host: status(host) for host in hosts} if statuses is None else statuses
    listed = tuple(ListedMember(IDS[host], host, (URLS[host],)) for host in hosts)
    errors = tuple(f"memberID:{one.member_id} alarm:{one.kind} " for one in alarms)
    observed = {
        URLS[host]: ObservedMember("running", replace(seen[host], errors=errors), listed)
        if host in seen
        else ObservedMember("unknown", reason="no route")
        for host in hosts
    }
    return EtcdObservation({host: URLS[host] for host in hosts}, observed)


NOSPACE = Alarm(2, "NOSPACE")


def test_members_are_defragmented_one_by_one_the_leader_last() -> None:
    done: list[str] = []
    while host := next_defragmentation(look(), frozenset(done)):
        done.append(host)
    assert done == ["b", "c", "a"]


def test_little_to_win_is_not_worth_the_pause() -> None:
    small = {host: status(host, 90, 1) for host in HOSTS}
    dense = {host: status(host, 1000, 600) for host in HOSTS}
    assert next_defragmentation(look(small), frozenset()) is None
    assert next_defragmentation(look(dense), frozenset()) is None


@given(st.sets(st.sampled_from(HOSTS), max_size=2), st.booleans())
def test_no_member_pauses_unless_the_others_hold_quorum(lost: set[str], full: bool) -> None:  # noqa: FBT001
    seen = {host: status(host, leader=1 if "a" not in lost else 2) for host in HOSTS if host not in lost}
    chosen = next_defragmentation(look(seen, *([NOSPACE] if full else [])), frozenset())
    assert (chosen is not None) == (not lost)


def test_a_member_that_is_still_a_learner_keeps_the_others_running() -> None:
    seen = look()
    listed = seen.listed()
    learner = (*listed[:2], replace(listed[2], is_learner=True))
    observed = {url: replace(one, listed=learner) for url, one in seen.members.items()}
    assert next_defragmentation(replace(seen, members=observed), frozenset()) is None


def test_a_single_member_pauses_only_when_it_is_full() -> None:
    alone = look(hosts=("a",))
    assert next_defragmentation(alone, frozenset()) is None
    assert next_defragmentation(look(None, Alarm(1, "NOSPACE"), hosts=("a",)), frozenset()) == "a"


def test_a_full_database_is_compacted_defragmented_and_its_alarm_cleared() -> None:
    full = {host: status(host, 2000, 50) for host in HOSTS}
    before = look(full, NOSPACE)
    assert compaction(before) == 50
    assert next_defragmentation(before, frozenset()) == "b"
    assert alarms_to_clear(before) == ()
    assert alarms_to_clear(look({host: status(host, 60, 50) for host in HOSTS}, NOSPACE)) == (NOSPACE,)


def test_without_an_alarm_nothing_is_compacted() -> None:
    assert compaction(look()) is None


def test_what_a_person_must_see_to_is_told_with_the_way_out() -> None:
    full = {host: status(host, 2000, 2000) for host in HOSTS}
    told = complaints(look(full, NOSPACE, Alarm(3, "CORRUPT")))
    assert "c is corrupt; replace it" in told[0]
    assert "a, b, c uses all of its quota" in told[1]
    assert complaints(look()) == ()
