from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from windlass.effects.kubernetes.client import KubernetesClient, Resource
from windlass.effects.ssh.fake import FakeHost
from windlass.errors import NotReadyError
from windlass.operations.apply.addons import apply_services, register_nodes
from windlass.operations.cluster import ClusterSession


class Applied(KubernetesClient):
    """An API that notes what is applied to it, and may refuse."""

    def __init__(self, refuse: Callable[[str], bool] = lambda _: False) -> None:
        self.names: list[str] = []
        self.labels: dict[str, str] = {}
        self._refuse = refuse
        self._lock = threading.Lock()

    def apply(self, desired: Any) -> bool:
        name = f"{desired['kind']} {desired['metadata']['name']}"
        with self._lock:
            if self._refuse(name):
                raise ValueError(name)
            self.names.append(name)
            self.labels[name] = desired["metadata"].get("labels", {}).get("io.windlass/addon", "the user's")
        return desired["kind"] == "DaemonSet"


def test_what_changed_is_told(played_session: ClusterSession) -> None:
    assert set(apply_services(played_session, Applied())) == {
        "DaemonSet kube-system/kube-proxy",
        "DaemonSet kube-flannel/flannel",
    }


def test_each_add_on_is_applied_in_its_own_order_and_the_users_objects_after_all(
    played_session: ClusterSession,
) -> None:
    api = Applied()
    apply_services(played_session, api)
    flannel = [name for name in api.names if api.labels[name] == "network"]
    assert flannel[0] == "Namespace kube-flannel"
    assert flannel[-1] == "DaemonSet flannel"
    assert api.names[-1] == "Namespace mine"


def test_an_object_that_is_refused_stops_the_users_objects_from_being_applied(played_session: ClusterSession) -> None:
    api = Applied(refuse=lambda name: name == "DaemonSet flannel")
    with pytest.raises((ValueError, NotReadyError), match="flannel"):
        apply_services(played_session, api)
    assert "Namespace mine" not in api.names


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
    played["w-1"].on("systemctl", "restart", "kubelet")

    assert register_nodes(played_session, Registered("cp-1", "cp-2"), timedelta(0)) == ("kubelet of w-1 restarted",)

    assert [host for host, one in played.items() if one.commands()] == ["w-1"]


def test_kubelets_that_have_registered_are_left_alone(
    played_session: ClusterSession, played: dict[str, FakeHost]
) -> None:
    assert register_nodes(played_session, Registered("cp-1", "cp-2", "w-1")) == ()
    assert not [host for host, one in played.items() if one.commands()]
