from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from unit.remediation.clusters import CONTROL_PLANE, NOW, SETTINGS, cluster, control_plane, service, worker
from windlass.domain.remediation import (
    ClusterHealth,
    HealthReport,
    History,
    HostHealth,
    RemediationPlan,
    Tries,
    plan_actions,
)
from windlass.domain.remediation.plan import RunOrigin
from windlass.domain.remediation.worker_limit import allowed_workers
from windlass.domain.spec.models import Repair as Settings


def plan(observed: ClusterHealth, history: History | None = None, settings: Settings = SETTINGS) -> RemediationPlan:
    return plan_actions(settings, observed, history or History())


def acts(planned: RemediationPlan) -> list[tuple[str, str]]:
    return [(one.kind, one.key) for one in planned.actions]


def holds(planned: RemediationPlan) -> dict[str, str]:
    return {one.action.key: one.because for one in planned.deferred}


def test_nothing_is_done_about_a_healthy_cluster() -> None:
    assert plan(cluster()).is_empty


def test_a_container_that_has_ended_is_recreated() -> None:
    observed = cluster(control_plane("cp-2", service("kube-apiserver", "exited", reason="exited with 137")))
    assert acts(plan(observed)) == [("recreate", "cp-2/kube-apiserver")]


def test_the_act_tells_what_the_monitor_saw() -> None:
    report = HealthReport("cp-2", "kube-apiserver", 3, ("cp-1", "cp-3", "w-1"))
    observed = cluster(control_plane("cp-2", service("kube-apiserver", "exited")), reports=[report])
    (action,) = plan(observed).actions
    assert (action.failed_checks, action.seen_from) == (3, ("cp-1", "cp-3", "w-1"))


@pytest.mark.parametrize(("failed", "is_reported", "is_done"), [(1, False, False), (3, False, True), (1, True, True)])
def test_one_that_runs_is_recreated_only_after_enough_failed_checks(
    failed: int, *, is_reported: bool, is_done: bool
) -> None:
    hangs = service("kube-scheduler", answers="unhealthy", failed_checks=failed)
    reports = [HealthReport("cp-1", "kube-scheduler", 3)] if is_reported else []
    planned = plan(cluster(control_plane("cp-1", hangs), reports=reports))
    assert bool(planned.actions) is is_done


def test_what_the_monitor_reports_and_the_run_observes_healthy_is_left_alone() -> None:
    assert plan(cluster(reports=[HealthReport("cp-2", "kube-apiserver", 3)])).is_empty


def test_what_could_not_be_observed_is_left_alone() -> None:
    unknown = service("kube-apiserver", "unknown", answers="unknown")
    observed = cluster(control_plane("cp-1", unknown), reports=[HealthReport("cp-1", "kube-apiserver", 3)])
    assert plan(observed).is_empty


def test_one_that_starts_gets_its_time_first() -> None:
    young = service("kube-apiserver", answers="unhealthy", failed_checks=9)
    planned = plan(cluster(control_plane("cp-1", replace(young, age=timedelta(seconds=20)))))
    assert planned.actions == ()
    assert planned.next_time == NOW + timedelta(seconds=40)
    crashing = replace(young, age=timedelta(seconds=20), is_crashing=True)
    assert acts(plan(cluster(control_plane("cp-1", crashing)))) == [("recreate", "cp-1/kube-apiserver")]


def test_a_worker_whose_disk_is_full_is_reported_of_and_not_cordoned() -> None:
    planned = plan(cluster(worker("w-1", is_full=True)))
    assert (acts(planned), [one.key for one in planned.needs_operator]) == ([], ["w-1/disk"])


def test_one_remediation_of_the_control_plane_at_a_time_etcd_first_and_workers_beside_it() -> None:
    observed = cluster(
        control_plane("cp-1", service("kube-apiserver", "exited")),
        control_plane("cp-3", service("etcd", "exited")),
        worker("w-1", "kubelet"),
    )
    planned = plan(observed, settings=Settings(max_unhealthy_workers="40%"))
    assert acts(planned) == [("recreate", "cp-3/etcd"), ("restart-unit", "w-1/kubelet")]
    assert "one action of the control plane at a time" in holds(planned)["cp-1/kube-apiserver"]


def test_what_is_rendered_no_more_is_put_right_or_only_shown() -> None:
    other = service("kube-scheduler", drift=("its digest is another",))
    observed = cluster(control_plane("cp-1", other, lost_files=("/etc/windlass/x",)))
    assert acts(plan(observed)) == [("restore-files", "cp-1/files")]
    shown = plan(observed, settings=Settings(drift="report"))
    assert shown.actions == ()
    assert [one.key for one in shown.reported] == ["cp-1/files", "cp-1/kube-scheduler"]


def test_certificates_with_another_mode_or_owner_are_drift_unless_others_must_be_issued() -> None:
    opened = "/etc/windlass/x.key: mode 0666 -> 0600"
    observed = cluster(control_plane("cp-1", certificate_access=(opened,)))
    assert acts(plan(observed)) == [("restore-files", "cp-1/certificates")]
    shown = plan(observed, settings=Settings(drift="report"))
    assert (shown.actions, [one.reason for one in shown.reported]) == ((), [opened])
    lost = cluster(control_plane("cp-1", bad_certificates=("/etc/windlass/y is lost",), certificate_access=(opened,)))
    for settings in (Settings(), Settings(drift="report")):
        (action,) = plan(lost, settings=settings).actions
        assert (action.kind, action.reason) == ("renew-certificates", f"/etc/windlass/y is lost, {opened}")


def test_what_works_is_not_stopped_for_its_drift_while_its_like_elsewhere_is_unhealthy_or_unknown() -> None:
    other = control_plane("cp-2", service("kube-apiserver", drift=("its digest is another",)))
    given_up = History({"cp-1/kube-apiserver": Tries(5, NOW)}, {"cp-1/kube-apiserver": "given up"})
    assert acts(plan(cluster(control_plane("cp-1", service("kube-apiserver", "exited")), other), given_up)) == []
    unknown = plan(cluster(other, control_plane("cp-3", unreachable="timed out")))
    assert acts(unknown) == []
    assert "cp-3 is not healthy" in holds(unknown)["cp-2/kube-apiserver"]
    assert acts(plan(cluster(other))) == [("recreate", "cp-2/kube-apiserver")]


def test_workers_that_differ_are_changed_a_share_at_a_time() -> None:
    other = service("api-proxy", drift=("its digest is another",))
    workers = [replace(worker(f"w-{number}"), services=(other,)) for number in range(1, 11)]
    planned = plan(cluster(*workers, workers=10))
    assert [key for _, key in acts(planned)] == ["w-1/api-proxy", "w-2/api-proxy"]
    assert len(planned.deferred) == 8
    shown = plan(cluster(*workers, workers=10), settings=Settings(drift="report"))
    assert len(shown.reported) == 10


@pytest.mark.parametrize(("quorum", "is_done"), [(1, True), (2, False)])
def test_a_service_that_is_recreated_on_quorum_is_stopped_only_while_enough_others_are_healthy(
    quorum: int, *, is_done: bool
) -> None:
    hangs = service("kube-apiserver", answers="unhealthy", failed_checks=3, strategy="recreateOnQuorum", quorum=quorum)
    ended = control_plane("cp-1", replace(hangs, state="exited"))
    planned = plan(cluster(control_plane("cp-2", hangs), control_plane("cp-3", unreachable="timed out")))
    assert bool(planned.actions) is is_done
    # What has ended serves nobody: to start it again can only help.
    assert acts(plan(cluster(ended, control_plane("cp-3", unreachable="timed out")))) == [
        ("recreate", "cp-1/kube-apiserver")
    ]


def test_people_are_reported_of_a_machine_that_is_gone_and_may_not_be_replaced() -> None:
    gone = worker("w-1", unreachable="timed out", is_gone=True)
    planned = plan(cluster(gone), settings=Settings(enabled=False))
    assert [one.key for one in planned.needs_operator] == ["w-1/host"]
    assert "turns remediation off" in planned.needs_operator[0].way_out
    assert plan(cluster(gone)).needs_operator == ()


def test_a_new_machine_is_made_a_host_of_the_cluster_one_at_a_time_and_nothing_on_it_is_acted_on_singly() -> None:
    bare = [
        worker(f"w-{number}", "docker", "windlass-containerd", "kubelet", is_bare=True, lost_files=("/etc/windlass/x",))
        for number in (1, 2)
    ]
    planned = plan(cluster(*bare, workers=10))
    assert acts(planned) == [("replace-host", "w-1/host")]
    assert holds(planned) == {"w-2/host": "one new machine at a time"}
    assert planned.needs_operator == ()


def test_a_try_counts_from_its_end_however_long_it_took() -> None:
    key, began = "w-1/host", NOW
    history = History()
    for count in range(1, 6):
        history = history.tried(key, began)
        began += timedelta(minutes=6)
        history = history.ended(key, began, is_back=False)
        assert (history.count(key, began), history.failed(key, began)) == (count, count)
    gone = worker("w-1", unreachable="timed out", is_gone=True)
    assert "was acted on 5 times" in plan(replace(cluster(gone), at=began), history).needs_operator[0].why


def test_damage_is_acted_on_where_drift_is_only_shown() -> None:
    observed = cluster(control_plane("cp-1", service("kube-scheduler", "exited", drift=("its digest is another",))))
    assert acts(plan(observed, settings=Settings(drift="report"))) == [("recreate", "cp-1/kube-scheduler")]


def test_a_host_of_another_version_is_not_brought_to_the_specs_by_remediation() -> None:
    other = service("kube-scheduler", drift=("its digest is another",))
    host = control_plane("cp-1", other, service("kube-apiserver", "exited"), other_version="v1.36.3")
    planned = plan(cluster(host))
    assert acts(planned) == [("recreate", "cp-1/kube-apiserver")]
    assert "upgrade_cluster" in holds(planned)["cp-1/kube-scheduler"]


def test_remediation_that_is_turned_off_holds_and_a_persons_word_outweighs_it() -> None:
    observed = cluster(control_plane("cp-1", service("kube-scheduler", "exited")))
    off = Settings(enabled=False)
    assert acts(plan(observed, settings=off)) == []
    assert "turns remediation off" in holds(plan(observed, settings=off))["cp-1/kube-scheduler"]
    assert plan_actions(off, observed, History(), RunOrigin(by_person=True)).actions


def test_a_service_with_the_strategy_none_is_left_to_its_owner() -> None:
    observed = cluster(control_plane("cp-1", service("kube-scheduler", "exited", strategy="none")))
    assert acts(plan(observed)) == []


def test_pauses_grow_and_after_enough_tries_remediation_stops_and_a_worker_is_cordoned() -> None:
    observed = cluster(worker("w-1", "kubelet"))
    tried = History({"w-1/kubelet": Tries(2, NOW)})
    assert plan(observed, tried).next_time == NOW + timedelta(seconds=10)
    given_up = plan(observed, History({"w-1/kubelet": Tries(5, NOW - timedelta(minutes=4))}))
    assert acts(given_up) == [("cordon", "w-1/host")]
    assert "was acted on 5 times and is still unhealthy" in given_up.needs_operator[0].why
    assert acts(plan(cluster(worker("w-1", "kubelet", is_cordoned=True)), tried)) == []


def test_tries_are_forgiven_after_a_while_unless_remediation_has_given_up() -> None:
    observed = cluster(worker("w-1", "kubelet"))
    old = {"w-1/kubelet": Tries(5, NOW - timedelta(minutes=6))}
    assert acts(plan(observed, History(old))) == [("restart-unit", "w-1/kubelet")]
    assert acts(plan(observed, History(old, {"w-1/kubelet": "given up"}))) == [("cordon", "w-1/host")]


@pytest.mark.parametrize(
    ("host", "is_opened"),
    [
        (worker("w-1", has_our_cordon=True, is_cordoned=True), True),
        (worker("w-1", has_our_cordon=True, is_cordoned=False), True),  # by a person; the annotation goes
        (worker("w-1", is_cordoned=True), False),  # by somebody else
        (worker("w-1", "kubelet", has_our_cordon=True, is_cordoned=True), False),
        (worker("w-1", has_our_cordon=True, is_cordoned=True, is_full=True), False),
        (worker("w-1", has_our_cordon=True, is_cordoned=True, unreachable="timed out"), False),
        (worker("w-1", has_our_cordon=True, is_cordoned=True, lost_files=("/etc/windlass/x is lost",)), False),
        (worker("w-1", has_our_cordon=True, services=(service("api-proxy", answers="unknown"),)), False),
    ],
)
def test_a_node_that_remediation_cordoned_is_opened_once_its_host_is_known_to_be_well(
    host: HostHealth, *, is_opened: bool
) -> None:
    assert (("uncordon", "w-1/host") in acts(plan(cluster(host)))) is is_opened
    assert ("uncordon", "w-1/host") not in acts(plan(cluster(host), settings=Settings(enabled=False)))


def test_what_a_rollout_may_have_changed_is_left_to_it_and_what_is_unhealthy_is_acted_on() -> None:
    other = service("kube-scheduler", drift=("it was made from another rendering",))
    host = control_plane("cp-1", other, service("kube-apiserver", "exited"), lost_files=("/etc/windlass/x is another",))
    rollout = "the rollout of a changed spec at v1.37.2 that began at noon is not over"
    planned = plan(replace(cluster(host), rollout=rollout))
    assert acts(planned) == [("recreate", "cp-1/kube-apiserver")]
    for key in ("cp-1/kube-scheduler", "cp-1/files"):
        assert holds(planned)[key] == (
            f"{rollout}; trigger `apply_cluster` with its spec, or `upgrade_cluster` with its version, "
            "to bring it to its end"
        )


def test_when_too_many_workers_are_unhealthy_none_is_touched() -> None:
    observed = cluster(worker("w-1", "kubelet"), worker("w-2", "kubelet"))
    planned = plan(observed)
    assert acts(planned) == []
    assert "2 of 3 workers are unhealthy (w-1, w-2)" in planned.needs_operator[0].why
    assert acts(plan(cluster(worker("w-1", "kubelet"), workers=1))) == [("restart-unit", "w-1/kubelet")]


@pytest.mark.parametrize(
    ("share", "workers", "allowed"), [("20%", 1, 1), ("20%", 10, 2), ("20%", 14, 2), ("0%", 9, 0), (0, 9, 0), (2, 9, 2)]
)
def test_the_share_of_workers(share: int | str, workers: int, allowed: int) -> None:
    assert allowed_workers(share, workers) == allowed


def test_a_host_that_does_not_answer_needs_a_person_and_is_not_acted_on() -> None:
    planned = plan(cluster(control_plane("cp-1", unreachable="timed out")))
    assert acts(planned) == []
    assert planned.needs_operator[0].why == "cp-1 does not answer: timed out"


def test_an_engine_that_does_not_answer_comes_before_what_runs_in_it() -> None:
    host = control_plane("cp-1", service("kube-apiserver", "exited"))
    broken = replace(host, units=worker("x", "docker").units)
    assert acts(plan(cluster(broken))) == [("restart-unit", "cp-1/docker")]


def gone(name: str) -> HostHealth:
    unknown = [service(one, "unknown", answers="unknown") for one in CONTROL_PLANE]
    return control_plane(name, *unknown, unreachable="timed out", is_gone=True, has_member_data=None)


def test_a_host_whose_machine_is_gone_is_recreated_while_the_others_hold_quorum() -> None:
    planned = plan(cluster(gone("cp-2")))
    assert acts(planned) == [("replace-host", "cp-2/host")]
    assert planned.needs_operator == ()
    assert acts(plan(cluster(worker("w-2", unreachable="timed out", is_gone=True)))) == [("replace-host", "w-2/host")]


def test_two_machines_that_are_gone_leave_no_quorum_to_join() -> None:
    planned = plan(cluster(gone("cp-2"), gone("cp-3")))
    assert acts(planned) == []
    assert any("disaster_recovery" in need.way_out for need in planned.needs_operator)


def test_hosts_that_airflow_does_not_reach_say_nothing_about_a_quorum_that_etcd_has() -> None:
    def unreached(name: str) -> HostHealth:
        return control_plane(name, unreachable="no answer within 6 s", has_member_data=None)

    observed = cluster(unreached("cp-2"), unreached("cp-3"))
    assert observed.membership is not None
    assert observed.membership.has_quorum
    assert [need.key for need in plan(observed).needs_operator] == ["cp-2/host", "cp-3/host"]
