"""Whole runs are searched for every secret that a spec refers to, and for the texts that its writer wrote freely.

Each stands for itself: one word for each place of a spec where it can be, so that a leak names its place.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from windlass.airflow.secret_references import resolve
from windlass.domain.spec import dump_cluster, load_cluster
from windlass.domain.spec.overview import overview
from windlass.domain.spec.settled import settled
from windlass.effects.bundles import Vault
from windlass.effects.store.read_cluster import read_known
from windlass.operations.secrets import SpecSecrets
from windlass.web.reading import Filter, read_log
from world import World
from world.specs import SMALL

New = Callable[[str], World]
PLACES = ("settings", "hook", "data", "stringData", "connection")
PORTS = {1: "7781:30781", 2: "7782:30782"}
"""What the one stack that takes a text is answered with; it has a form to keep."""


def secret(place: str, generation: int) -> str:
    return f"sesame-{place}-{generation}-zx9"


def texts(generation: int) -> dict[str, str]:
    """What is no secret, and its writer's own business all the same."""
    return {place: f"private-{place}-{generation}-zx9" for place in ("command", "environment", "config", "setting")}


def spec_of(generation: int) -> str:
    own = texts(generation)
    objects = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "db", "namespace": "default"},
            "data": {"password": {"fromVariable": "windlass_secret_data"}},
            "stringData": {
                "token": {"fromVariable": "windlass_secret.demo.stringData"},
                "key": {"fromConnection": "vendor", "field": "extra.key"},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "app", "namespace": "default"},
            "data": {"mode": own["config"]},
        },
    ]
    document = yaml.safe_load(SMALL)
    document["spec"] |= {
        "manifests": [{"name": "app", "content": yaml.safe_dump_all(objects)}],
        "stacks": [
            {"name": "edge-proxy", "hosts": ["w-1"], "values": {"ports": {"fromVariable": "windlass_secret_ports"}}}
        ],
        "upgrade": {
            "hooks": {
                "before": [f"echo {own['command']}"],
                "environment": {"TOKEN": {"fromVariable": "windlass_secret_hook"}, "MODE": own["environment"]},
            }
        },
    }
    document["spec"]["hosts"]["settings"] = {
        "apiToken": {"fromVariable": "windlass_secret_settings"},
        "account": own["setting"],
    }
    return yaml.safe_dump(document)


def keep(monkeypatch: pytest.MonkeyPatch, generation: int) -> list[str]:
    """Put the secrets of a generation into Airflow; return them."""
    for place in PLACES[:-1]:
        name = "windlass_secret.demo.stringData" if place == "stringData" else f"windlass_secret_{place}"
        monkeypatch.setenv(f"AIRFLOW_VAR_{name.upper()}", secret(place, generation))
    monkeypatch.setenv("AIRFLOW_VAR_WINDLASS_SECRET_PORTS", PORTS[generation])
    extra = {"windlass_secrets": ["demo"], "key": secret("connection", generation)}
    monkeypatch.setenv("AIRFLOW_CONN_VENDOR", json.dumps({"conn_type": "generic", "extra": extra}))
    return [*(secret(place, generation) for place in PLACES), PORTS[generation]]


def forms(words: list[str]) -> Iterator[str]:
    for word in words:
        yield from (word, base64.b64encode(word.encode()).decode())


def left(world: World, caplog: pytest.LogCaptureFixture) -> Iterator[tuple[str, str]]:
    """Yield what the runs have left behind, but for hosts and cluster: where it is, and its text."""
    yield "log", caplog.text
    for run in world.runs.values():
        for task, result in run.results.items():
            yield f"XCom {run.dag_id} {task}", json.dumps(result, default=str)
        yield f"conf {run.dag_id}", json.dumps(dict(run.params), default=str)
    for key, data in world.bucket.objects.items():
        yield f"store {key}", data.decode(errors="replace")
    yield "page log", json.dumps(read_log(world.store, world.name, Filter(), 1000), default=str)
    known = read_known(world.store, world.name, None)
    assert known is not None
    yield "page cluster", json.dumps(overview(known, world.services.catalog, datetime.now(UTC)), default=str)


def places_with(words: list[str], found: Iterator[tuple[str, str]]) -> set[str]:
    searched = list(forms(words))
    return {place for place, text in found if any(word in text for word in searched)}


def changed_by(world: World, spec: str, **params: Any) -> Any:
    """Apply a spec with what Airflow keeps now, as a new process would."""
    world.services = replace(world.services, secrets=SpecSecrets(resolve))
    return world.run("apply_cluster", spec=spec, **params)


def test_no_secret_and_no_private_text_is_left_behind(
    new: New, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    first = keep(monkeypatch, 1)
    world = new(spec_of(1))
    world.run("create_cluster", spec=spec_of(1))
    kept = world.etcd.objects[("secrets", "default", "db")]
    assert base64.b64decode(kept["data"]["password"]).decode() == secret("data", 1)

    second = keep(monkeypatch, 2)
    plan = changed_by(world, spec_of(2), plan_only=True).results["gate"]
    run = changed_by(world, spec_of(2), auto_approve=True)
    world.run("etcd_backup")

    assert run.results["result"]["state"] == "done"
    assert PORTS[2].split(":")[1] in world.machines["w-1"].text("/etc/windlass/stacks/edge-proxy/haproxy.cfg")
    assert places_with([*first, *second], left(world, caplog)) == set()

    private = [*texts(1).values(), *texts(2).values()]
    found = places_with(private, left(world, caplog))
    # A spec goes by conf, and is stored; nothing else has its texts.
    assert found <= {"conf create_cluster", "conf apply_cluster", "store clusters/demo/spec.yaml"}

    told = plan["text"]
    assert "content " in told
    assert "Secret default/db" in told
    assert "data.mode: text " in told


def test_a_secret_that_was_changed_is_found_and_not_shown(
    new: New, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keep(monkeypatch, 1)
    world = new(spec_of(1))
    world.run("create_cluster", spec=spec_of(1))
    assert changed_by(world, "").results["gate"]["steps"] == []

    words = keep(monkeypatch, 2)
    plan = changed_by(world, "", plan_only=True).results["gate"]

    assert "data.password: (secret) -> (secret)" in plan["text"]
    assert "/etc/windlass/stacks/edge-proxy/haproxy.cfg" in plan["text"]
    assert "hooks run" not in plan["text"]
    assert places_with(words, iter([("plan", json.dumps(plan))])) == set()
    assert changed_by(world, "", auto_approve=True).results["result"]["state"] == "done"
    assert changed_by(world, "").results["gate"]["steps"] == []


def test_a_bundle_holds_references_alone(new: New, monkeypatch: pytest.MonkeyPatch) -> None:
    words = keep(monkeypatch, 1)
    world = new(spec_of(1))
    world.run("create_cluster", spec=spec_of(1))
    world.run("etcd_backup")

    vault = Vault(world.store, world.name, world.keys)
    state = vault.state(vault.manifest(vault.inventory().bundles[-1]))

    new_cluster = settled(load_cluster(spec_of(1), "spec"), None)
    assert load_cluster(state.spec, "bundle") == load_cluster(dump_cluster(new_cluster), "spec")
    files = {path: content for files in state.stacks.values() for path, content in files.items()}
    assert any("control-plane" in path for path in files)
    assert not any("edge-proxy" in path for path in files)
    assert places_with(words, ((path, content.decode()) for path, content in files.items())) == set()


def test_what_is_missing_is_named_before_anything_is_changed(new: New, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(monkeypatch, 1)
    world = new(spec_of(1))
    monkeypatch.delenv("AIRFLOW_VAR_WINDLASS_SECRET_HOOK")
    assert world.store.installation  # the store has its id from now on
    before = world.state()

    with pytest.raises(Exception, match=r"environment\.TOKEN: Airflow has no Variable `windlass_secret_hook`"):
        world.run("create_cluster", spec=spec_of(1))

    assert world.state() == before
