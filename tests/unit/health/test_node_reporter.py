"""Who tells how Kubernetes finds its nodes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.health.heartbeat import SILENCE, HeartbeatTracker
from windlass.domain.health.node_reporter import NodeReporter

HOSTS = ("cp-1", "cp-2", "cp-3")


def test_the_first_tells_until_it_falls_silent_and_then_the_next_that_speaks() -> None:
    hearing, teller = HeartbeatTracker(HOSTS), NodeReporter(HOSTS)
    assert not teller.review(hearing, 0.0)  # nobody is heard yet
    assert teller.host == "cp-1"
    hearing.word("cp-1", 0.0)
    hearing.word("cp-3", SILENCE)
    assert not teller.review(hearing, SILENCE)
    assert teller.review(hearing, SILENCE + 1)
    assert teller.host == "cp-3"
    hearing.word("cp-1", SILENCE + 2)
    assert not teller.review(hearing, SILENCE + 2)  # it stays with the one that tells


def test_one_that_sees_no_nodes_passes_the_turn_on_if_there_is_another() -> None:
    hearing, teller = HeartbeatTracker(HOSTS), NodeReporter(HOSTS)
    hearing.word("cp-1", 0.0)
    assert not teller.blind("cp-1", hearing, 1.0)
    hearing.word("cp-2", 1.0)
    assert not teller.blind("cp-3", hearing, 1.0)  # it was not its turn
    assert teller.blind("cp-1", hearing, 1.0)
    assert teller.host == "cp-2"


def test_without_a_control_plane_nobody_tells() -> None:
    teller = NodeReporter(())
    assert not teller.review(HeartbeatTracker(("w-1",)), 0.0)
    assert teller.host == ""


@given(st.sets(st.sampled_from(HOSTS)), st.sampled_from(HOSTS))
def test_whoever_is_heard_has_the_turn_after_each_review(heard: set[str], before: str) -> None:
    hearing, teller = HeartbeatTracker(HOSTS), NodeReporter((before, *(host for host in HOSTS if host != before)))
    for host in heard:
        hearing.word(host, 0.0)
    teller.review(hearing, 0.0)
    assert teller.host in (heard or {before})
    assert not teller.review(hearing, 0.0)
