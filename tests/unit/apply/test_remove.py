from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from windlass.domain.artifacts import Lock
from windlass.domain.catalog.drivers import HostTraces
from windlass.domain.host.layout import CLUSTER_MARK
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.spec.models import Cluster
from windlass.effects.catalog import load_catalog
from windlass.effects.ssh.connection import RemoteFile
from windlass.effects.ssh.fake import FakeHost, FakeHosts
from windlass.effects.ssh.pool import Connections
from windlass.errors import RefusedError, UnreachableError, WindlassError
from windlass.operations.apply.plan import check_version
from windlass.operations.apply.remove import check_name, remove_from_host, remove_from_hosts
from windlass.operations.cluster import ClusterSession

CATALOG = load_catalog(Path(__file__).parents[3] / "include" / "templates" / "kubernetes")


def cluster(version: str = "v1.37.2") -> Cluster:
    return Cluster.model_validate(
        yaml.safe_load(f"""
        apiVersion: windlass/v1
        kind: Cluster
        metadata: {{name: demo}}
        spec:
          kubernetes: {{version: {version}}}
          hosts:
            members:
              - {{name: cp-1, address: 192.0.2.1, roles: [etcd, control-plane]}}
              - {{name: w-1, address: 192.0.2.2, roles: [worker]}}
        """)
    )


@pytest.fixture
def hosts() -> dict[str, FakeHost]:
    made = {name: FakeHost(name) for name in ("cp-1", "w-1")}
    for host in made.values():
        host.on("sh", "-s", answer="changed: unit kubelet\nchanged: files\n")
        host.on("true")
    return made


@pytest.fixture
def session(hosts: dict[str, FakeHost]) -> ClusterSession:
    fakes = FakeHosts(hosts.values())
    release = CATALOG.release("v1.37.2")
    mirror = MirrorAddresses("http://192.0.2.9:8080", "192.0.2.9:5000")
    return ClusterSession(cluster(), release, Lock("modules", {}), mirror, Connections(fakes.targets(), fakes))


def test_tells_by_host_what_was_removed(session: ClusterSession) -> None:
    assert remove_from_hosts(session) == {"cp-1": ("unit kubelet", "files"), "w-1": ("unit kubelet", "files")}


def test_what_drivers_left_that_the_cluster_had_earlier_goes_too(
    session: ClusterSession, hosts: dict[str, FakeHost]
) -> None:
    host, _ = session.hosts
    remove_from_host(session, host, session.connections.get(host.name), HostTraces(interfaces=("gauge0",)))
    script = hosts["cp-1"].scripts()[-1]
    assert {"gauge0", "flannel.1"} <= set(script.arguments["traces"].interfaces)


def test_leaves_a_host_of_another_cluster_alone(session: ClusterSession, hosts: dict[str, FakeHost]) -> None:
    hosts["cp-1"].files[CLUSTER_MARK] = RemoteFile(b"demo\n")
    hosts["w-1"].files[CLUSTER_MARK] = RemoteFile(b"other\n")

    with pytest.raises(RefusedError, match="w-1: belongs to the cluster `other`; it was left alone"):
        remove_from_hosts(session)

    assert hosts["w-1"].commands() == []
    assert hosts["cp-1"].commands() == [("sh", "-s", "remove-cluster")]


def test_names_every_host_that_it_could_not_be_removed_from(
    session: ClusterSession, hosts: dict[str, FakeHost]
) -> None:
    for host in hosts.values():
        host.is_reachable = False

    with pytest.raises(WindlassError, match=r"(?s)failed on 2 of 2 hosts.*cp-1: .*w-1: "):
        remove_from_hosts(session)


def test_a_host_that_does_not_answer_is_named_and_the_others_are_cleaned(
    session: ClusterSession, hosts: dict[str, FakeHost]
) -> None:
    hosts["w-1"].is_reachable = False

    with pytest.raises(UnreachableError, match=r"remove the cluster failed on 1 of 2 hosts:\n  w-1: ") as raised:
        remove_from_hosts(session)

    assert "cp-1" not in str(raised.value)
    assert hosts["cp-1"].commands() == [("sh", "-s", "remove-cluster")]


@pytest.mark.parametrize("typed", ["", "Demo", "demo "])
def test_a_name_that_is_not_the_clusters_is_refused(typed: str) -> None:
    with pytest.raises(RefusedError, match="needs its name in `confirm_name`"):
        check_name("demo", typed)


def test_the_clusters_name_is_accepted() -> None:
    check_name("demo", "demo")


def test_an_apply_never_changes_the_version() -> None:
    check_version(None, cluster())
    check_version(cluster(), cluster())
    with pytest.raises(RefusedError, match=r"runs v1.36.3, the spec says v1.37.2.*`upgrade_cluster`"):
        check_version(cluster("v1.36.3"), cluster())
