"""In which order a cluster is started on restored data: with the bundle's versions, kubelets go back first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from windlass.domain.artifacts import Lock
from windlass.domain.pki import issue_pki
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.spec import Cluster
from windlass.effects.catalog import load_catalog
from windlass.effects.ssh.connection import RemoteFile
from windlass.effects.ssh.fake import Call, FakeHost, FakeHosts
from windlass.effects.ssh.pool import Connections
from windlass.operations.cluster import ClusterSession
from windlass.operations.recovery import RecoveryContext
from windlass.operations.recovery.switch import _start_api

CATALOG = load_catalog(Path(__file__).parents[3] / "include" / "templates" / "kubernetes")
BEFORE = "v1.36.3"
"""The bundle's version, which an upgrade had left."""
ROLES = {"cp-1": ["etcd", "control-plane"], "e-1": ["etcd"], "w-1": ["worker"]}
STACKS = {"cp-1": ("control-plane", "api-proxy"), "e-1": (), "w-1": ("api-proxy",)}


def compose(component: str) -> bytes:
    labels = {"io.windlass.component": component, "io.windlass.digest": "sha256:1"}
    return yaml.safe_dump({"services": {component: {"image": "i", "labels": labels}}}).encode()


class Log(list[str]):
    """What was started, on all hosts, in the order in which it began."""

    def host(self, name: str) -> FakeHost:
        made = FakeHost(name)
        for stack in STACKS[name]:
            made.files[f"/etc/windlass/stacks/{stack}/compose.yaml"] = RemoteFile(compose(stack))
        made.on("sh", "-s", answer=lambda call: self._started(name, call))
        return made

    def _started(self, host: str, call: Call) -> str:
        assert call.script is not None
        arguments = call.script.arguments
        if call.script.name == "start-unit":
            assert arguments["binaries"] == (f"/opt/windlass/{BEFORE}/bin/kubelet",)
            self.append(f"{arguments['unit']} on {host}")
        if call.script.name == "start-stack":
            self.append(f"{arguments['stack']} on {host}")
        return "changed: something\n"


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def work(log: Log) -> RecoveryContext:
    members = [
        {"name": name, "address": f"192.0.2.{n}", "roles": roles} for n, (name, roles) in enumerate(ROLES.items())
    ]
    spec = {"kubernetes": {"version": BEFORE}, "hosts": {"members": members}, "etcd": {"allowEven": True}}
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec}
    cluster = Cluster.model_validate(document)
    fakes = FakeHosts([log.host(name) for name in ROLES])
    mirror = MirrorAddresses("http://192.0.2.8:8080", "192.0.2.8:5000")
    session = ClusterSession(
        cluster, CATALOG.release(BEFORE), Lock("modules", {}), mirror, Connections(fakes.targets(), fakes)
    )
    return RecoveryContext(
        "abcdef01", session, issue_pki(cluster, datetime.now(UTC)), RemoteFile(b"sealed"), prepares_all=True
    )


def test_kubelets_go_back_before_any_api_server_that_they_must_not_be_newer_than(
    work: RecoveryContext, log: Log
) -> None:
    _start_api(work)

    assert set(log[:2]) == {"kubelet on cp-1", "kubelet on w-1"}
    assert set(log[2:]) == {"control-plane on cp-1", "api-proxy on cp-1", "api-proxy on w-1"}


def test_kubelets_of_the_same_version_are_no_reason_to_wait(work: RecoveryContext, log: Log) -> None:
    _start_api(replace(work, prepares_all=False))

    assert set(log) == {"control-plane on cp-1", "api-proxy on cp-1", "api-proxy on w-1"}
