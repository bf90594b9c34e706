"""An upgrade is rehearsed on a bundle under the target's programs: what is sound is none of its defects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from e2e.ground import VERSION, Ground
from e2e.standing import empty_ground
from e2e.upgrading import OLD
from windlass.effects.kubernetes.client import Resource

pytestmark = pytest.mark.full

HOOKS = Resource("admissionregistration.k8s.io/v1", "validatingwebhookconfigurations", namespaced=False)
TRACES = "docker ps -aq --filter label=io.windlass.drill; ls /var/lib/windlass/drills 2>/dev/null; true"
HOOK = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingWebhookConfiguration",
    "metadata": {"name": "old-check", "labels": {"app.kubernetes.io/managed-by": "Helm"}},
    "webhooks": [
        {
            "name": "check.example.com",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Ignore",
            "clientConfig": {"url": "https://check.example.com/"},
            "rules": [
                {"apiGroups": ["apps"], "apiVersions": ["v1beta2"], "operations": ["*"], "resources": ["deployments"]}
            ],
        }
    ],
}


@pytest.fixture
def before(ground: Ground) -> Iterator[Ground]:
    """A cluster of the release before the newest."""
    try:
        empty_ground(ground)
        ground.create(ground.spec(version=OLD)).succeeded()
        yield ground
    finally:
        empty_ground(ground)


def gate_of(ground: Ground) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ground.run(
        "upgrade_cluster", version=VERSION, plan_only=True, allow_untested=True
    ).result("gate")["findings"]
    return [one for one in found if one["name"] == "rehearsal"]


def test_a_sound_cluster_has_no_defect_and_a_planted_one_is_found(before: Ground) -> None:
    before.run("etcd_backup").succeeded()
    run = before.run("rehearse_upgrade", version=VERSION).succeeded()
    result = run.result("rehearse")
    print(f"rehearsal_s {result['milliseconds']['total'] / 1000:.1f}, {result['objects']} objects")  # noqa: T201
    assert result["objects"] > 100
    assert before.on(result["host"], TRACES).split() == []
    assert [one["verdict"] for one in gate_of(before)] == ["passed"]

    with before.api() as client:
        client.apply(HOOK)
    before.run("etcd_backup").succeeded()
    refusal = before.run("rehearse_upgrade", version=VERSION).refused("rehearse")
    assert "ValidatingWebhookConfiguration old-check (check.example.com) (of Helm): it looks at apps v1beta2" in refusal
    assert [one["verdict"] for one in gate_of(before)] == ["warning"]
    with before.api() as client:
        client.delete(HOOKS, "old-check")
