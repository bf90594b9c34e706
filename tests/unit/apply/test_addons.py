from __future__ import annotations

from datetime import timedelta
from typing import Any

from windlass.effects.kubernetes.client import KubernetesClient, Resource
from windlass.effects.ssh.fake import FakeHost
from windlass.operations.apply.addons import register_nodes
from windlass.operations.cluster import ClusterSession


class Registered(KubernetesClient):
    """An API that knows some nodes."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        selector: str = "",
        fields: str = "",
    ) -> list[dict[str, Any]]:
        return [{"metadata": {"name": name}} for name in self.names]


def test_a_kubelet_whose_node_the_api_does_not_know_is_restarted(
    played_session: ClusterSession, played: dict[str, FakeHost]
) -> None:
    played["w-1"].on_script("restart-unit")

    assert register_nodes(played_session, Registered("cp-1", "cp-2"), timedelta(0)) == ("kubelet of w-1 restarted",)

    assert [host for host, one in played.items() if one.commands()] == ["w-1"]


def test_kubelets_that_have_registered_are_left_alone(
    played_session: ClusterSession, played: dict[str, FakeHost]
) -> None:
    assert register_nodes(played_session, Registered("cp-1", "cp-2", "w-1")) == ()
    assert not [host for host, one in played.items() if one.commands()]
