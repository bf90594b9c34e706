"""What verification runs is admitted whatever Pod Security level a spec enforces."""

from __future__ import annotations

from typing import Any

import pytest

from windlass.domain.apply.smoke_test import trial_objects

PODS = {"DaemonSet": lambda one: one["spec"]["template"]["spec"], "Pod": lambda one: one["spec"]}
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def breaks_restricted(pod: dict[str, Any]) -> list[str]:
    """Name what the level `restricted` refuses: https://kubernetes.io/docs/concepts/security/pod-security-standards/."""
    security = pod.get("securityContext", {})
    told = [key for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key)]
    told += [] if security.get("seccompProfile", {}).get("type") in {"RuntimeDefault", "Localhost"} else ["seccomp"]
    told += [] if security.get("runAsNonRoot") and security.get("runAsUser") != 0 else ["root"]
    told += [f"volume {volume}" for volume in pod.get("volumes", []) if not set(volume) - {"name"} <= VOLUMES]
    for container in pod["containers"]:
        own = container.get("securityContext", {})
        told += ["escalation"] if own.get("allowPrivilegeEscalation") is not False else []
        told += ["capabilities"] if own.get("capabilities") != {"drop": ["ALL"]} else []
        told += ["privileged"] if own.get("privileged") else []
        told += ["host port"] if any("hostPort" in port for port in container.get("ports", [])) else []
    return told


@pytest.mark.parametrize("has_volume", [True, False])
def test_its_pods_meet_the_strictest_level(*, has_volume: bool) -> None:
    made = [one for one in trial_objects("toolbox", ["w-1"], has_volume=has_volume) if one["kind"] in PODS]
    assert {one["kind"]: breaks_restricted(PODS[one["kind"]](one)) for one in made} == (
        {"DaemonSet": [], "Pod": []} if has_volume else {"DaemonSet": []}
    )


def test_nobody_writes_where_the_image_may_not_let_them() -> None:
    web = next(one for one in trial_objects("toolbox", ["w-1"], has_volume=False) if one["kind"] == "DaemonSet")
    (container,) = web["spec"]["template"]["spec"]["containers"]
    written = [mount["mountPath"] for mount in container["volumeMounts"]]
    assert all(path in container["command"][-1] or path in " ".join(container["command"]) for path in written)


def test_all_of_its_pods_are_led_to_the_given_nodes_alone() -> None:
    made = [one for one in trial_objects("toolbox", ["w-2", "w-1"], has_volume=True) if one["kind"] in PODS]
    for one in made:
        required = PODS[one["kind"]](one)["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        (term,) = required["nodeSelectorTerms"]
        assert term == {
            "matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["w-1", "w-2"]}]
        }
    assert len(made) == 2


def test_its_service_has_the_name_that_it_is_given() -> None:
    made = trial_objects("toolbox", ["w-1"], has_volume=False, service="verify-1f")
    assert [one["metadata"]["name"] for one in made if one["kind"] == "Service"] == ["verify-1f"]
