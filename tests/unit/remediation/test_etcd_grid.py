"""Each etcd member in each state, with others unhealthy beside it: after Cluster API's grid of remediation cases."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from unit.remediation.clusters import SETTINGS, cluster, control_plane, membership, service
from windlass.domain.remediation import HealthReport, History, HostHealth, RemediationPlan, Tries, plan_actions

State = Literal["ok", "stopped", "hangs", "lost", "down"]
NAMES = ("cp-1", "cp-2", "cp-3")


def host(name: str, state: State) -> HostHealth:
    match state:
        case "ok":
            return control_plane(name)
        case "stopped":
            return control_plane(name, service("etcd", "exited"))
        case "hangs":
            return control_plane(name, service("etcd", answers="unhealthy"))
        case "lost":
            return control_plane(
                name, service("etcd", "restarting", answers="unhealthy", failed_checks=3), has_member_data=False
            )
        case "down":
            unknown = service("etcd", "unknown", answers="unknown")
            return control_plane(name, unknown, unreachable="timed out", has_member_data=None)


def plan(*states: State) -> RemediationPlan:
    hosts = [host(name, state) for name, state in zip(NAMES, states, strict=True)]
    reports = [HealthReport(name, "etcd", 3) for name, state in zip(NAMES, states, strict=True) if state != "ok"]
    observed = cluster(*hosts, reports=reports)
    if sum(state == "ok" for state in states) == 0:
        observed = replace(observed, membership=None)
    return plan_actions(SETTINGS, observed, History())


def acts(planned: RemediationPlan) -> list[tuple[str, str]]:
    return [(one.kind, one.host) for one in planned.actions]


def turned(index: int, *states: State) -> tuple[State, ...]:
    """Return the states, each moved on by `index` members: which member it is makes no difference."""
    return tuple(states[(position - index) % 3] for position in range(3))


def test_a_member_that_was_never_given_its_vote_gets_it_though_it_runs_well() -> None:
    observed = cluster()
    assert observed.membership
    learner = replace(observed.membership.members[1], role="learner")
    left = replace(
        observed.membership, members=(observed.membership.members[0], learner, observed.membership.members[2])
    )
    assert acts(plan_actions(SETTINGS, replace(observed, membership=left), History())) == [("replace-member", "cp-2")]


@pytest.mark.parametrize("index", range(3))
@pytest.mark.parametrize(
    ("states", "kind"),
    [
        (("stopped", "ok", "ok"), "recreate"),
        (("hangs", "ok", "ok"), "recreate"),
        (("lost", "ok", "ok"), "replace-member"),
        (("stopped", "stopped", "ok"), "recreate"),
        (("stopped", "hangs", "ok"), "recreate"),
        (("stopped", "lost", "ok"), "recreate"),  # it brings quorum back, which the replacement then needs
        (("stopped", "down", "ok"), "recreate"),
        (("stopped", "stopped", "stopped"), "recreate"),
        (("stopped", "stopped", "lost"), "recreate"),
        (("hangs", "hangs", "hangs"), "recreate"),  # none of them serves: it takes nothing from anybody
    ],
)
def test_one_member_is_acted_on_and_only_as_far_as_quorum_allows(
    index: int, states: tuple[State, State, State], kind: str
) -> None:
    planned = plan(*turned(index, *states))
    (act,) = acts(planned)
    assert act[0] == kind
    assert turned(index, *states)[NAMES.index(act[1])] in {"stopped", "hangs", "lost"}


@pytest.mark.parametrize("index", range(3))
@pytest.mark.parametrize("states", [("lost", "lost", "ok"), ("lost", "down", "ok"), ("down", "down", "ok"),
                                    ("lost", "lost", "lost")])  # fmt: skip
def test_without_quorum_to_be_had_remediation_stops_and_offers_disaster_recovery(
    index: int, states: tuple[State, State, State]
) -> None:
    planned = plan(*turned(index, *states))
    assert acts(planned) == []
    assert any("disaster_recovery" in need.way_out for need in planned.needs_operator)


def test_members_that_hang_are_left_while_another_is_unknown() -> None:
    assert acts(plan("hangs", "hangs", "down")) == []


def test_the_only_member_is_recreated_when_it_hangs() -> None:
    observed = replace(cluster(host("cp-1", "hangs"), reports=[HealthReport("cp-1", "etcd", 3)]), membership=None)
    alone = replace(observed, hosts=tuple(one for one in observed.hosts if one.name not in {"cp-2", "cp-3"}))
    assert acts(plan_actions(SETTINGS, alone, History())) == [("recreate", "cp-1")]


@pytest.mark.parametrize("states", [("down", "ok", "ok"), ("ok", "ok", "ok")])
def test_a_member_that_cannot_be_observed_is_never_replaced(states: tuple[State, State, State]) -> None:
    assert acts(plan(*states)) == []


def test_a_member_whose_start_did_not_help_is_replaced() -> None:
    observed = cluster(host("cp-2", "stopped"))
    long_ago = observed.at.replace(minute=0)
    twice = History({"cp-2/etcd": Tries(2, long_ago, failed=2)})
    later = replace(observed, at=long_ago.replace(minute=1))
    assert acts(plan_actions(SETTINGS, later, twice)) == [("replace-member", "cp-2")]
    healed = History({"cp-2/etcd": Tries(2, long_ago, failed=0)})
    assert acts(plan_actions(SETTINGS, later, healed)) == [("recreate", "cp-2")]


def test_a_member_that_was_removed_and_not_added_again_is_added() -> None:
    observed = cluster(host("cp-2", "lost"))
    whole = membership(observed.hosts)
    without = replace(whole, members=tuple(one for one in whole.members if one.name != "cp-2"))
    planned = plan_actions(SETTINGS, replace(observed, membership=without), History())
    assert acts(planned) == [("replace-member", "cp-2")]


def test_without_quorum_the_rest_of_the_control_plane_is_left_alone() -> None:
    observed = cluster(
        host("cp-1", "down"),
        replace(host("cp-2", "lost"), services=(service("etcd", "exited"), service("kube-apiserver", "exited"))),
        host("cp-3", "lost"),
    )
    planned = plan_actions(SETTINGS, replace(observed, membership=None), History())
    assert acts(planned) == []
