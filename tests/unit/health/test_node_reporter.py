"""Who tells how Kubernetes finds its nodes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.health.heartbeat import SILENCE, HeartbeatTracker
from windlass.domain.health.node_reporter import NodeReporter

HOSTS = ("cp-1", "cp-2", "cp-3")


def test_the_first_tells_until_it_falls_silent_and_then_the_next_that_speaks() -> None:
    heartbeats, reporter = HeartbeatTracker(HOSTS), NodeReporter(HOSTS)
    assert not reporter.review(heartbeats, 0.0)  # nobody is heard yet
    assert reporter.host == "cp-1"
    heartbeats.message("cp-1", 0.0)
    heartbeats.message("cp-3", SILENCE)
    assert not reporter.review(heartbeats, SILENCE)
    assert reporter.review(heartbeats, SILENCE + 1)
    assert reporter.host == "cp-3"
    heartbeats.message("cp-1", SILENCE + 2)
    assert not reporter.review(heartbeats, SILENCE + 2)  # it stays with the one that tells


def test_one_that_sees_no_nodes_passes_the_turn_on_if_there_is_another() -> None:
    heartbeats, reporter = HeartbeatTracker(HOSTS), NodeReporter(HOSTS)
    heartbeats.message("cp-1", 0.0)
    assert not reporter.blind("cp-1", heartbeats, 1.0)
    heartbeats.message("cp-2", 1.0)
    assert not reporter.blind("cp-3", heartbeats, 1.0)  # it was not its turn
    assert reporter.blind("cp-1", heartbeats, 1.0)
    assert reporter.host == "cp-2"


def test_without_a_control_plane_nobody_tells() -> None:
    reporter = NodeReporter(())
    assert not reporter.review(HeartbeatTracker(("w-1",)), 0.0)
    assert reporter.host == ""


@given(st.sets(st.sampled_from(HOSTS)), st.sampled_from(HOSTS))
def test_whoever_is_heard_has_the_turn_after_each_review(heard: set[str], before: str) -> None:
    heartbeats, reporter = HeartbeatTracker(HOSTS), NodeReporter((before, *(host for host in HOSTS if host != before)))
    for host in heard:
        heartbeats.message(host, 0.0)
    reporter.review(heartbeats, 0.0)
    assert reporter.host in (heard or {before})
    assert not reporter.review(heartbeats, 0.0)
