from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from unit.rollout.conftest import NEW, World, install
from unit.rollout.test_rollout_plan import STANDALONE
from windlass.domain.host.layout import KUBELET_CONFIG, STACKS
from windlass.domain.pki import Pki, files_for, issue_pki
from windlass.domain.rollout import HostState, plan_rollout
from windlass.effects.ssh.connection import RemoteFile
from windlass.effects.ssh.fake import Call, Hangs
from windlass.errors import UnreachableError
from windlass.operations.cluster import ClusterSession
from windlass.operations.rollout.observe import observe_hosts

SCHEDULER = "/etc/windlass/stacks/control-plane/compose.yaml"


OPEN = "mode 0666 -> 0644, owner nobody:nogroup -> root:root"


def states(session: ClusterSession, pki: Pki | None = None) -> dict[str, HostState]:
    return {name: outcome.get().state for name, outcome in observe_hosts(session, pki).items()}


def test_hosts_that_are_as_wanted_differ_in_nothing(world: World) -> None:
    assert states(world.session) == {name: HostState() for name in world.machines}


def test_another_version_changes_what_is_of_another_version_and_nothing_else(world: World) -> None:
    found = states(world.at(NEW))

    assert found["cp-1"].stale == {
        "control-plane/kube-apiserver": "kube-apiserver v1.36.3 -> v1.37.2",
        "control-plane/kube-controller-manager": "kube-controller-manager v1.36.3 -> v1.37.2",
        "control-plane/kube-scheduler": "kube-scheduler v1.36.3 -> v1.37.2",
        "etcd/etcd": "etcd v3.6.16 -> v3.7.3",
        "kubelet": "kubelet v1.36.3 -> v1.37.2",
    }
    assert found["w-1"].stale == {"kubelet": "kubelet v1.36.3 -> v1.37.2"}
    assert set(found["w-1"].missing) == {"kubelet v1.37.2", "kubectl v1.37.2"}
    assert found["w-1"].images == ("image kube-proxy v1.37.2",)


def test_a_host_that_is_lost_once_is_asked_again(world: World) -> None:
    machine = world.machines["cp-2"]
    lost = [UnreachableError("cp-2: the connection was lost while `sh -s gather-facts` ran")]

    def lose(call: Call) -> None:
        if call.argv[0] == "sh" and lost:
            raise lost.pop()

    machine.fake.after = lose

    assert states(world.session) == {name: HostState() for name in world.machines}
    assert lost == []


def test_a_host_that_is_lost_again_and_again_is_not_seen(world: World) -> None:
    world.machines["cp-2"].fake.on("sh", "-s", answer=Hangs())

    outcomes = observe_hosts(world.session, None)

    assert [name for name, outcome in outcomes.items() if not outcome.is_ok] == ["cp-2"]
    assert len(world.machines["cp-2"].fake.commands()) == 2


def test_looking_changes_nothing(world: World) -> None:
    states(world.at(NEW))
    assert {name: (machine.scripts, machine.fake.writes) for name, machine in world.machines.items()} == {
        name: ([], []) for name in world.machines
    }


def test_after_a_host_was_changed_the_plan_has_only_what_is_left(world: World) -> None:
    target = world.at(NEW)
    for host in target.hosts[:2]:
        install(target, host, world.machines[host.name])

    steps = plan_rollout(target.cluster, states(target), leader="cp-3", add_ons=())

    assert [step.label for step in steps if step.kind != "prefetch"] == [
        "etcd cp-3",
        "API server cp-3",
        "host cp-3",
        "host w-1",
    ]
    for host in target.hosts[2:]:
        install(target, host, world.machines[host.name])
    assert plan_rollout(target.cluster, states(target), leader=None, add_ons=()) == ()


def test_a_container_that_does_not_run_and_a_unit_that_is_not_current_are_found(world: World) -> None:
    del world.machines["cp-2"].services["kube-scheduler"]
    world.machines["w-1"].units.discard("kubelet")

    found = states(world.session)

    assert found["cp-2"].stale == {"control-plane/kube-scheduler": "kube-scheduler started"}
    assert found["w-1"].stale == {"kubelet": "kubelet started"}


def test_a_file_that_somebody_changed_is_named(world: World) -> None:
    path = "/etc/sysctl.d/90-windlass.conf"
    world.machines["w-1"].fake.files[path] = RemoteFile(b"vm.swappiness = 1\n")
    assert states(world.session)["w-1"].stale == {"files": f"files: {path}"}


def test_a_file_of_the_kubelet_that_is_open_to_all_is_put_right_without_a_drain_or_a_start(world: World) -> None:
    files = world.machines["w-1"].fake.files
    for path in (KUBELET_CONFIG, f"{STACKS}/api-proxy/haproxy.cfg"):
        files[path] = replace(files[path], mode=0o666, owner="nobody:nogroup")

    found = states(world.session)

    private = OPEN.replace("0644", "0600")
    told = f"{KUBELET_CONFIG}: {private}, {STACKS}/api-proxy/haproxy.cfg: {OPEN}"
    assert found["w-1"].stale == {"files": f"files: {told}"}
    (step,) = plan_rollout(world.session.cluster, found, leader="cp-1", add_ons=())
    assert (step.label, step.drains, step.does) == ("host w-1", False, (f"w-1: files: {told}",))


def test_certificates_that_are_open_to_all_are_put_right_without_a_start(world: World) -> None:
    pki = issue_pki(world.session.cluster, datetime(2026, 11, 24, tzinfo=UTC))
    for host in world.session.hosts:
        issued = files_for(world.session.cluster, host, pki)
        world.machines[host.name].fake.files |= {
            path: RemoteFile(file.content, file.mode) for path, file in issued.items()
        }
    assert {name: state.stale for name, state in states(world.session, pki).items() if state.stale} == {}
    files = world.machines["w-1"].fake.files
    path = "/etc/windlass/pki/kubelet.crt"
    files[path] = replace(files[path], mode=0o666, owner="nobody:nogroup")

    assert states(world.session, pki)["w-1"].stale == {"certificates": f"certificates: {path}: {OPEN}"}

    del files["/etc/windlass/pki/kubelet.key"]
    assert states(world.session, pki)["w-1"].stale == {"certificates": f"certificates: 1 files, {path}: {OPEN}"}


def test_a_file_that_could_not_be_looked_at_is_not_taken_to_be_as_rendered(world: World) -> None:
    world.machines["w-1"].fake.unreadable.add(KUBELET_CONFIG)
    assert states(world.session)["w-1"].stale == {"kubelet": "kubelet restarted"}


def test_a_program_that_leads_elsewhere_is_linked_again(world: World) -> None:
    machine = world.machines["w-1"]
    machine.links["/opt/windlass/cni/bin/bridge"] = "/somewhere/else"
    assert states(world.session)["w-1"].stale == {"programs": "programs relinked"}


def test_changed_flags_are_told_as_starting_again(world: World) -> None:
    document = world.session.cluster.model_dump(mode="json", by_alias=True)
    document["spec"]["components"] = {"kube-scheduler": {"extraArgs": {"v": "3"}}}
    desired = type(world.session.cluster).model_validate(document)

    found = states(world.at("v1.36.3", desired))

    assert found["cp-3"].stale == {"control-plane/kube-scheduler": "kube-scheduler restarted"}
    assert found["w-1"].stale == {}


def test_one_host_for_everything(make_world: Callable[..., World]) -> None:
    world = make_world(roles=STANDALONE)
    target = world.at(NEW)
    steps = plan_rollout(target.cluster, states(target), leader="all-1", add_ons=())
    assert [step.kind for step in steps] == ["prefetch", "etcd", "api-server", "host"]
    assert not steps[-1].drains, "the pods of the only node have nowhere to go"
