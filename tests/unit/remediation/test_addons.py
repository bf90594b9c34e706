from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from unit.remediation.clusters import NOW, SETTINGS, cluster, units, worker
from windlass.domain.objects.health import AddonHealth, StuckPod
from windlass.domain.remediation import Action, ClusterHealth, HealthReport, History, RemediationPlan, plan_actions
from windlass.domain.remediation.alerts import standing_alerts
from windlass.domain.remediation.history import Tries
from windlass.domain.remediation.plan import RunOrigin

MISSING = AddonHealth("dns", ("Deployment kube-system/coredns is missing",))
POD = StuckPod("kube-system", "coredns-1", "uid-1", "CrashLoopBackOff")
DOWN = AddonHealth("dns", trouble="Deployment kube-system/coredns: 0 of 2 available")
REPORT = HealthReport("", "dns")


def observed(*addons: AddonHealth, reports: tuple[HealthReport, ...] = ()) -> ClusterHealth:
    return replace(cluster(reports=reports), addons=addons)


def plan(found: ClusterHealth, history: History | None = None, *, drift: str = "heal") -> RemediationPlan:
    settings = SETTINGS.model_copy(update={"drift": drift})
    return plan_actions(settings, found, history or History())


def kinds(planned: RemediationPlan) -> list[str]:
    return [f"{one.kind} {one.component}" for one in planned.actions]


def test_an_object_that_somebody_deleted_is_applied_again() -> None:
    (action,) = plan(observed(MISSING)).actions
    assert str(action) == "apply-objects dns: Deployment kube-system/coredns is missing"
    assert action.is_drift


def test_drift_that_the_spec_wants_shown_only_is_shown_only() -> None:
    found = plan(observed(MISSING), drift="report")
    assert not found.actions
    assert [str(one) for one in found.reported] == ["apply-objects dns: Deployment kube-system/coredns is missing"]


def test_what_takes_an_add_on_down_is_more_than_drift() -> None:
    down = replace(DOWN, drift=("ConfigMap kube-system/coredns differs",))
    assert kinds(plan(observed(down), drift="report")) == ["apply-objects dns"]


def test_nothing_is_applied_again_while_a_rollout_has_not_ended() -> None:
    found = plan(replace(observed(MISSING), rollout="the rollout to v1.37.2 is not over"))
    assert not found.actions
    assert "the rollout to v1.37.2 is not over; trigger" in str(found.deferred[0])


def test_a_pod_that_is_stuck_is_deleted_one_at_a_time() -> None:
    down = replace(DOWN, stuck=(POD, replace(POD, name="coredns-2")))
    (action,) = plan(observed(down)).actions
    assert action.kind == "delete-pod"
    assert "coredns-1: CrashLoopBackOff" in action.reason


def test_replicas_on_one_node_are_spread() -> None:
    assert kinds(plan(observed(AddonHealth("dns", is_crowded=True)))) == ["spread-replicas dns"]


def test_hosts_come_before_what_runs_on_them() -> None:
    sick = worker("w-1", units=units("kubelet"))
    found = plan(replace(cluster(sick), addons=(MISSING,)))
    assert kinds(found) == ["restart-unit kubelet"]
    assert "what it runs on comes first" in str(found.deferred[0])


def test_an_add_on_that_nothing_helps_needs_an_operator_once_the_monitor_has_seen_it_long_enough() -> None:
    assert plan(observed(DOWN)).is_empty
    (need,) = plan(observed(DOWN, reports=(REPORT,))).needs_operator
    assert need.key == "/dns"
    assert "look at the pods and events" in str(need)


def test_an_add_on_is_tried_as_often_as_any_component() -> None:
    tried = History({"/dns": Tries(SETTINGS.tries, NOW - timedelta(minutes=1), SETTINGS.tries)})
    found = plan(observed(MISSING), tried)
    assert not found.actions
    assert found.needs_operator[0].key == "/dns"
    once = History({"/dns": Tries(1, NOW, 1)})
    assert plan(observed(MISSING), once).next_time == NOW + timedelta(seconds=5)


def test_what_a_person_asks_for_is_done_where_the_spec_turns_it_off() -> None:
    off = SETTINGS.model_copy(update={"enabled": False})
    assert not plan_actions(off, observed(MISSING), History()).actions
    assert plan_actions(off, observed(MISSING), History(), RunOrigin(by_person=True)).actions


def test_an_alert_about_an_add_on_stands_while_the_api_says_nothing() -> None:
    before = {"/dns": "dns is not available"}
    silent = replace(cluster(), addons=None)
    assert standing_alerts(before, silent, RemediationPlan(), frozenset()) == before
    assert standing_alerts(before, observed(), RemediationPlan(), frozenset()) == {}


def test_an_action_on_an_add_on_names_no_host() -> None:
    assert Action("delete-pod", "", "dns", "it hangs").key == "/dns"
