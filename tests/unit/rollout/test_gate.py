from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from unit.rollout.test_rollout_plan import OVERLAPPING, WORKERS, cluster
from windlass.domain.catalog import Release
from windlass.domain.catalog.flags import ComponentFlags, Flag
from windlass.domain.etcd.quorum import Member, Membership
from windlass.domain.etcd.status import Alarm
from windlass.domain.rollout import HostState, RunningVersions, Step
from windlass.domain.rollout.gate import GateFinding, GateLevel, GateReport
from windlass.domain.rollout.gate_rules import GateInputs, judge_gate
from windlass.domain.rollout.removed_apis import ApiUse
from windlass.domain.rollout.workload_rules import Workloads
from windlass.domain.spec.models import Cluster
from windlass.errors import RefusedError

NOW = datetime(2026, 11, 24, tzinfo=UTC)
TARGET = Release("v1.37.2", files={}, images={"etcd": "v3.7.3"}, upgrades_from=("1.36",))
NAMES = frozenset(OVERLAPPING)
MEMBERS = tuple(
    Member(name, number, "voter", started=True, health="healthy") for number, name in enumerate(OVERLAPPING)
)
READY = {"metadata": {"name": "w-1"}, "spec": {}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
NODES: Any = tuple({**READY, "metadata": {"name": name}} for name in (*OVERLAPPING, "w-2", "w-3", "w-1"))
GOOD = GateInputs(
    running=RunningVersions(etcd={"cp-1": "v3.6.16"}, api_servers={"cp-1": "v1.36.3"}, kubelets={"w-1": "v1.36.3"}),
    states={"w-1": HostState()},
    drifted={},
    unreachable={},
    membership=Membership(MEMBERS, NAMES),
    etcd_reasons={},
    alarms=(),
    api_reasons={},
    workloads=Workloads(nodes=NODES),
    uses=(),
    expiries={"ca/kubernetes": NOW + timedelta(days=3000)},
    free_kib={"w-1": 10_000_000},
    needed_kib={"w-1": 500_000},
    lacking=(),
)
DRAIN = (Step("host", ("w-1",), ("w-1: drain",), drains=True),)


def report(gate_inputs: GateInputs = GOOD, steps: tuple[Step, ...] = DRAIN, **sections: Any) -> GateReport:
    return judge_gate(cluster(OVERLAPPING | WORKERS, **sections), TARGET, gate_inputs, steps, NOW)


def test_a_healthy_cluster_passes_everything() -> None:
    found = report()
    assert [finding.verdict for finding in found.findings] == [GateLevel.PASSED] * len(found.findings)
    found.refuse("an upgrade")


def test_requests_that_may_be_the_gates_own_are_a_warning_and_certain_uses_block() -> None:
    unsure = replace(GOOD, unsure_uses=("requests for things",))
    (told,) = [one for one in report(unsure).findings if one.name == "removed APIs"]
    assert (told.verdict, told.text) == (GateLevel.WARNING, "requests for things")
    use = ApiUse("storage.k8s.io/v1beta1", "gold", "flux", "storage.k8s.io/v1")
    (told,) = [one for one in report(replace(unsure, uses=(use,))).findings if one.name == "removed APIs"]
    assert told.verdict is GateLevel.BLOCKED


def flags_told(target: Release, **flags: str) -> GateFinding:
    components = {"kubelet": {"extraArgs": {name.replace("_", "-"): value for name, value in flags.items()}}}
    document = cluster(OVERLAPPING | WORKERS).model_dump(mode="json", by_alias=True)
    document["spec"]["components"] = components
    found = judge_gate(Cluster.model_validate(document), target, GOOD, DRAIN, NOW)
    return next(finding for finding in found.findings if finding.name == "flags")


def test_flags_are_checked_against_the_target() -> None:
    target = replace(TARGET, flags={"kubelet": ComponentFlags({"v": Flag("Level"), "max-pods": Flag("int32")})})
    assert flags_told(target, v="3", max_pods="100").verdict is GateLevel.PASSED
    gone = flags_told(target, boot_id_file="/proc/sys/kernel/random/boot_id")
    assert gone.verdict is GateLevel.BLOCKED
    assert "kubelet of v1.37.2 has no flag `boot-id-file`, and does not start with it" in gone.text
    assert flags_told(target, max_pods="500").verdict is GateLevel.BLOCKED


def test_pods_that_come_back_and_webhooks_that_no_rollout_asks_are_told_and_block_nothing() -> None:
    owner = [{"kind": "ReplicaSet", "name": "web"}]
    pod: Any = {
        "metadata": {"name": "web", "namespace": "x", "ownerReferences": owner},
        "spec": {"nodeName": "w-1", "containers": [], "tolerations": [{"operator": "Exists"}]},
        "status": {"phase": "Running"},
    }
    rules = [{"apiGroups": ["example.com"], "resources": ["*"], "operations": ["*"]}]
    hooks: Any = [
        {"name": "a", "clientConfig": {"service": {"namespace": "x", "name": "gone"}}, "rules": rules},
        {"name": "b", "clientConfig": {"url": "https://192.0.2.9/b"}, "rules": rules},
    ]
    webhooks: Any = ({"metadata": {"name": "mine"}, "webhooks": hooks},)
    found = report(replace(GOOD, workloads=Workloads(nodes=NODES, pods=(pod,), webhooks=webhooks)))
    assert found.blocked == ()
    assert {one.name: one.text for one in found.warnings} == {
        "pods that come back": "x/web tolerates the cordon: it comes back to its node, and is not waited for",
        "webhooks of your own": "a of mine (its service x/gone has no endpoint)",
        "webhooks by URL": "b of mine (it is asked at https://192.0.2.9/b about what a rollout does not write)",
    }


def test_pods_without_a_controller_are_lost_only_where_the_spec_says_so() -> None:
    lonely = replace(GOOD, workloads=Workloads(nodes=NODES, pods=(LONELY,)))
    assert [one.name for one in report(lonely).blocked] == ["pods without a controller"]
    forced = report(lonely, drain={"force": True})
    assert forced.blocked == ()
    assert "x/one" in next(one.text for one in forced.warnings if one.name == "pods without a controller")


def test_flags_of_a_release_that_nobody_asked_are_a_warning() -> None:
    unknown = flags_told(TARGET, v="3")
    assert (unknown.verdict, unknown.remedy) == (GateLevel.WARNING, "record it: `windlass mirror`")


def sick(**changes: Any) -> Membership:
    return Membership((replace(MEMBERS[0], **changes), *MEMBERS[1:]), NAMES)


DOWN: Any = {
    **READY,
    "status": {"conditions": [{"type": "Ready", "status": "Unknown", "message": "kubelet is silent"}]},
}
LONELY: Any = {"metadata": {"name": "one", "namespace": "x"}, "spec": {"nodeName": "w-1"}, "status": {}}


@pytest.mark.parametrize(
    ("changes", "name", "told"),
    [
        ({"misfits": ("w-1: kernel 5.10.0 has no wireguard",)}, "drivers", "kernel 5.10.0 has no wireguard"),
        ({"running": RunningVersions(kubelets={"w-1": "v1.33.0"})}, "version skew", "kubelet of w-1"),
        ({"unreachable": {"cp-1": "cp-1: no answer"}}, "hosts", "cp-1: no answer"),
        ({"membership": sick(health="unhealthy")}, "etcd members", "cp-1 is unhealthy"),
        ({"membership": sick(role="learner")}, "etcd members", "cp-1 is still a learner"),
        ({"membership": Membership(MEMBERS[1:], NAMES)}, "etcd members", "cp-1 is no member"),
        ({"alarms": (Alarm(1, "NOSPACE"),)}, "etcd members", "alarm NOSPACE"),
        ({"api_reasons": {"cp-2": "cp-2: not ready"}}, "API servers", "cp-2: not ready"),
        ({"workloads": Workloads(nodes=(*NODES[:-1], DOWN))}, "nodes", "w-1: kubelet is silent"),
        ({"workloads": Workloads(nodes=NODES[:-1])}, "nodes", "w-1: the API has no such node"),
        ({"uses": (ApiUse("a/v1", "Thing t", "flux", "a/v2"),)}, "removed APIs", "Thing t of a/v1 by flux"),
        ({"workloads": Workloads(nodes=NODES, pods=(LONELY,))}, "pods without a controller", "x/one"),
        ({"expiries": {"cp-1/apiserver": NOW + timedelta(hours=20)}}, "certificates", "cp-1/apiserver ends at"),
        ({"free_kib": {"w-1": 600_000}}, "disk", "w-1: 585 MiB free"),
        ({"lacking": ("image:etcd:v3.7.3",)}, "artifacts", "lacks image:etcd"),
    ],
)
def test_what_holds_an_upgrade_up_is_told_with_what_to_do(changes: Any, name: str, told: str) -> None:
    found = report(replace(GOOD, **changes))
    (blocked,) = [finding for finding in found.blocked if finding.name == name]
    assert told in blocked.text
    assert blocked.remedy
    with pytest.raises(RefusedError, match="is refused by the gate"):
        found.refuse("an upgrade")


def test_a_worker_without_an_answer_is_left_out_and_holds_nothing_up() -> None:
    silent = replace(GOOD, unreachable={"w-1": "w-1: no answer"}, absent_nodes=frozenset({"w-1"}))
    found = report(replace(silent, workloads=Workloads(nodes=(*NODES[:-1], DOWN))))
    (told,) = [one for one in found.findings if one.verdict is not GateLevel.PASSED]
    assert (told.name, told.verdict) == ("hosts", GateLevel.WARNING)
    assert told.text == "left out: w-1: no answer"
    assert "`apply_cluster` finishes it" in told.remedy


def test_without_an_upgrade_any_host_without_an_answer_is_left_out() -> None:
    there = replace(GOOD, running=replace(GOOD.running, api_servers={"cp-2": "v1.37.2"}))
    found = report(replace(there, unreachable={"cp-1": "cp-1: no answer"}))
    assert [one.text for one in found.warnings if one.name == "hosts"] == ["left out: cp-1: no answer"]
    assert not found.blocked


def test_a_host_without_an_answer_is_told_once() -> None:
    gone = {"cp-1": "cp-1: no answer"}
    found = report(replace(GOOD, unreachable=gone, etcd_reasons=gone, api_reasons=gone))
    assert [finding.name for finding in found.blocked] == ["hosts"]


@pytest.mark.parametrize(("drift", "verdict"), [("repair", GateLevel.WARNING), ("report", GateLevel.BLOCKED)])
def test_drift_warns_or_blocks_as_the_spec_says(drift: str, verdict: GateLevel) -> None:
    gate_inputs = replace(GOOD, drifted={"cp-2": ("control-plane/kube-scheduler",)})
    (found,) = [one for one in judge_with_repair(gate_inputs, drift).findings if one.name == "drift"]
    assert found.verdict is verdict


def test_drift_does_not_keep_the_stored_spec_from_being_applied() -> None:
    gate_inputs = replace(GOOD, drifted={"cp-2": ("control-plane/kube-scheduler",)}, is_spec_changed=False)
    (found,) = [one for one in judge_with_repair(gate_inputs, "report").findings if one.name == "drift"]
    assert found.verdict is GateLevel.WARNING


def test_drift_that_nobody_asked_for_is_told_by_the_plan() -> None:
    (found,) = [one for one in judge_with_repair(replace(GOOD, drifted=None), "repair").findings if one.name == "drift"]
    assert found.verdict is GateLevel.PASSED
    assert "is in the plan" in found.text


def judge_with_repair(gate_inputs: GateInputs, drift: str) -> GateReport:
    made = cluster(OVERLAPPING | WORKERS)
    repair = made.spec.repair.model_copy(update={"drift": drift})
    made = made.model_copy(update={"spec": made.spec.model_copy(update={"repair": repair})})
    return judge_gate(made, TARGET, gate_inputs, DRAIN, NOW)


def test_an_outage_and_pods_without_a_place_are_warnings() -> None:
    owned: Any = {
        "metadata": {"name": "web", "namespace": "x", "ownerReferences": [{"kind": "ReplicaSet", "name": "web"}]},
        "spec": {"nodeName": "w-1", "containers": []},
        "status": {"phase": "Running"},
    }
    gate_inputs = replace(GOOD, workloads=Workloads(nodes=(READY,), pods=(owned,)))
    assert [finding.name for finding in report(gate_inputs).warnings] == ["capacity"]
    one = judge_gate(
        cluster({"a": ["etcd", "control-plane", "worker"]}), TARGET, GOOD, (Step("api-server", ("a",), ()),), NOW
    )
    assert [finding.name for finding in one.warnings] == ["outage"]


def test_findings_read_well() -> None:
    blocked = GateFinding("disk", GateLevel.BLOCKED, "w-1 is full", "make room")
    assert str(blocked) == "blocked  disk: w-1 is full; make room"
    assert GateReport((blocked,)).value()[0]["verdict"] == "blocked"
