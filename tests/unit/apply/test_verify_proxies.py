from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from windlass.domain.artifacts import Lock
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.spec.models import Cluster
from windlass.effects.catalog import load_catalog
from windlass.effects.ssh.connection import CommandResult
from windlass.effects.ssh.fake import Call, FakeHost, FakeHosts
from windlass.effects.ssh.pool import Connections
from windlass.operations import waiting
from windlass.operations.apply.verify import _check_proxies
from windlass.operations.cluster import ClusterSession

CATALOG = load_catalog(Path(__file__).parents[3] / "include" / "templates" / "kubernetes")


def test_a_proxy_that_drops_a_connection_while_it_finds_its_servers_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "_PAUSE_SECONDS", 0.0)
    answers = [CommandResult(55, "", "curl: (55) Transport endpoint is not connected"), CommandResult(0, "ok", "")]

    def curl(_: Call) -> CommandResult:
        return answers.pop(0)

    host = FakeHost("cp-1")
    host.on("curl", answer=curl)
    document = """
    apiVersion: windlass/v1
    kind: Cluster
    metadata: {name: demo}
    spec:
      kubernetes: {version: v1.37.2}
      hosts: {members: [{name: cp-1, address: 192.0.2.1, roles: [etcd, control-plane]}]}
    """
    fakes = FakeHosts([host])
    mirror = MirrorAddresses("http://192.0.2.9:8080", "192.0.2.9:5000")
    cluster = Cluster.model_validate(yaml.safe_load(document))
    connections = Connections(fakes.targets(), fakes)

    _check_proxies(ClusterSession(cluster, CATALOG.release("v1.37.2"), Lock("modules", {}), mirror, connections))

    assert answers == []
