"""What a plan says of the contents of hosts, as read from them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from unit.rollout.conftest import World
from windlass.domain.host.layout import KUBECONFIGS, KUBELET_CONFIG, PKI, STACKS
from windlass.domain.pki import Pki, files_for, issue_pki
from windlass.domain.pki.compare import certificate_difference, certificate_identity
from windlass.domain.rollout.plan_details import PlanDetails
from windlass.domain.spec.models import Cluster
from windlass.effects.ssh.connection import RemoteFile
from windlass.operations.cluster import ClusterSession
from windlass.operations.rollout.contents import plan_details
from windlass.operations.rollout.observe import observe_hosts

NOW = datetime(2026, 11, 24, tzinfo=UTC)
CONFIG = b"kind: KubeletConfiguration\napiVersion: kubelet.config.k8s.io/v1beta1\n"


@pytest.fixture
def pki(world: World) -> Pki:
    made = issue_pki(world.session.cluster, NOW)
    for host in world.session.hosts:
        issued = files_for(world.session.cluster, host, made)
        world.machines[host.name].fake.files |= {
            path: RemoteFile(file.content, file.mode) for path, file in issued.items()
        }
    return made


def details(session: ClusterSession, pki: Pki) -> PlanDetails:
    found = {name: outcome.get() for name, outcome in observe_hosts(session, pki).items()}
    return plan_details(session, pki, found, {name: one.state for name, one in found.items()})


def changed(world: World, **components: dict[str, str]) -> ClusterSession:
    document = world.session.cluster.model_dump(mode="json", by_alias=True)
    document["spec"]["components"] = {name.replace("_", "-"): {"extraArgs": one} for name, one in components.items()}
    return world.at("v1.36.3", Cluster.model_validate(document))


def test_where_nothing_differs_nothing_is_read(world: World, pki: Pki) -> None:
    found = details(world.session, pki)
    assert (found.lines, found.remarks, found.contents) == ({}, {}, {})
    reads = [
        call.argv[1] for machine in world.machines.values() for call in machine.fake.calls if call.argv[0] == "<read>"
    ]
    assert set(reads) <= {"/etc/docker/daemon.json"}


def test_a_changed_flag_is_shown_as_that_flag(world: World, pki: Pki) -> None:
    found = details(changed(world, kube_scheduler={"v": "3"}), pki)
    assert found.lines == {f"{name}: kube-scheduler restarted": ("~ --v=1 -> 3",) for name in ("cp-1", "cp-2", "cp-3")}
    assert set(found.contents) == {
        f"{name}:{what}"
        for name in ("cp-1", "cp-2", "cp-3")
        for what in ("kube-scheduler", f"{STACKS}/control-plane/compose.yaml")
    }
    assert found.parts["cp-1"] == ("control-plane/kube-scheduler",)


def test_a_changed_file_is_shown_with_its_difference(world: World, pki: Pki) -> None:
    files = world.machines["w-1"].fake.files
    files[KUBELET_CONFIG] = replace(files[KUBELET_CONFIG], content=CONFIG)
    found = details(world.session, pki)
    (told,) = found.lines.values()
    assert told[0] == f"{KUBELET_CONFIG}:"
    assert any(line.startswith(("+maxPods", "+authentication")) for line in told)


def test_no_key_and_no_kubeconfig_is_read_or_shown(world: World, pki: Pki) -> None:
    files = world.machines["w-1"].fake.files
    for path in (f"{PKI}/kubelet.key", f"{KUBECONFIGS}/kubelet.conf", f"{PKI}/kubelet.crt"):
        files[path] = replace(files[path], content=b"sesame\n")
    found = details(world.session, pki)
    reads = {call.argv[1] for call in world.machines["w-1"].fake.calls if call.argv[0] == "<read>"}
    assert reads <= {"/etc/docker/daemon.json", f"{PKI}/kubelet.crt"}
    told = [line for lines in (*found.lines.values(), *found.remarks.values()) for line in lines]
    assert "sesame" not in str(told)
    assert f"{PKI}/kubelet.key is another; its content is secret" in told
    assert f"{KUBECONFIGS}/kubelet.conf is another; its content is secret" in told
    (certificate,) = [line for line in told if line.startswith(f"{PKI}/kubelet.crt is another (")]
    assert "CN=system:node:w-1" in certificate
    assert "valid until 20" in certificate


def test_certificates_that_are_still_to_be_issued_leave_the_plan_as_it_is(world: World, pki: Pki) -> None:
    document = world.session.cluster.model_dump(mode="json", by_alias=True)
    document["spec"]["api"] = {"extraNames": ["api.example.com"]}
    session = world.at("v1.36.3", Cluster.model_validate(document))
    one, other = (details(session, issue_pki(session.cluster, NOW + timedelta(minutes=n), pki)) for n in (0, 1))

    (told,) = [lines for line, lines in one.remarks.items() if line.startswith("cp-1: certificates")]
    assert any("names +api.example.com" in line for line in told)
    assert one.contents
    assert one.contents == other.contents
    assert one.lines == other.lines


def test_certificates_are_compared_by_what_they_say(world: World, pki: Pki) -> None:
    later = issue_pki(world.session.cluster, NOW + timedelta(days=80), pki)
    leaf = "cp-1/apiserver"
    old, new = (one.leaves[leaf].certificate.encode() for one in (pki, later))
    assert old != new
    assert certificate_difference(old, new) == "valid until 2027-02-22 00:00Z -> 2027-05-13 00:00Z"
    assert certificate_identity(old) == certificate_identity(new)
    assert certificate_identity(old) != certificate_identity(pki.leaves["cp-2/apiserver"].certificate.encode())
    assert certificate_difference(old, None) == "valid until 2027-02-22 00:00Z"
    assert certificate_difference(None, None) == certificate_difference(b"none", None) == ""
