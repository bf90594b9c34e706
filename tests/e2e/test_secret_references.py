"""Secrets that a spec refers to reach hosts and the cluster, and nothing else: no log, table, store or argument."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Iterator

import pytest
import yaml

from e2e.ground import Ground
from e2e.leaks import CommandLines, leftovers, places_with
from windlass.effects.kubernetes.client import Resource

pytestmark = pytest.mark.full

SECRETS = Resource("v1", "secrets", namespaced=True)
NAME = "windlass_secret_e2e"
MARK = f"/run/windlass/e2e-hook-{uuid.uuid4().hex[:8]}"


def keep(ground: Ground, value: str, *, is_new: bool) -> None:
    """Put a Variable into Airflow."""
    method, path = ("POST", "/api/v2/variables") if is_new else ("PATCH", f"/api/v2/variables/{NAME}")
    ground.client._checked(ground.client._send(method, path, json={"key": NAME, "value": value}))


@pytest.fixture
def word(cluster: Ground) -> Iterator[str]:
    value = f"sesame-{uuid.uuid4().hex}"
    keep(cluster, value, is_new=True)
    yield value
    cluster.apply(cluster.spec()).succeeded()
    cluster.client._send("DELETE", f"/api/v2/variables/{NAME}")


def spec_of(ground: Ground) -> str:
    reference = {"fromVariable": NAME}
    document = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "referred", "namespace": "default"},
        "data": {"encoded": reference},
        "stringData": {"plain": reference},
    }
    hook = f'printf %s "$TOKEN" | sha256sum | cut -d" " -f1 > {MARK}'
    hooks = {"before": [hook], "environment": {"TOKEN": reference}}
    manifests = [{"name": "referred", "content": yaml.safe_dump(document)}]
    return ground.spec(manifests=manifests, upgrade={"hooks": hooks})


def values_of(ground: Ground) -> set[str]:
    with ground.api() as client:
        found = client.get(SECRETS, "referred", "default")
    assert found is not None
    return {base64.b64decode(one).decode() for one in found["data"].values()}


def test_a_secret_goes_where_it_belongs_and_nowhere_else(
    cluster: Ground, command_lines: CommandLines, word: str
) -> None:
    with command_lines.watched():
        assert cluster.apply(spec_of(cluster)).succeeded().outcome == "done"
    assert values_of(cluster) == {word}
    assert cluster.on("w-1", f"cat {MARK}; ls /run/windlass/hooks.env 2>/dev/null; true").split() == [
        hashlib.sha256(word.encode()).hexdigest()
    ]
    assert cluster.apply().succeeded().outcome == "nothing"

    changed = f"sesame-{uuid.uuid4().hex}"
    keep(cluster, changed, is_new=False)
    plan = cluster.apply(plan_only=True).succeeded()
    with command_lines.watched():
        assert cluster.apply().succeeded().outcome == "done"
    cluster.run("etcd_backup").succeeded()

    told = json.dumps(plan.result("gate"))
    assert "data.plain: (secret) -> (secret)" in told
    assert "hooks run" not in told
    assert values_of(cluster) == {changed}
    needles = [form for one in (word, changed) for form in (one, base64.b64encode(one.encode()).decode())]
    assert places_with(needles, leftovers(cluster, command_lines)) == []
