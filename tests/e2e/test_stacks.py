"""Infrastructure stacks on hosts: placed by labels and scale, remediated, changed, taken away with or without data."""

from __future__ import annotations

import json
import shlex
import uuid
from datetime import timedelta
from typing import Any

import pytest
import yaml

from e2e.clients import toolbox
from e2e.ground import CLUSTER, HOSTS, Ground, wait_for
from e2e.leaks import CommandLines, leftovers, places_with
from windlass.mirror.cache import read_lock

pytestmark = pytest.mark.full

ROLES = {"cp-1": ("etcd", "control-plane"), "w-1": ("worker",), "cp-2": ("worker",)}
DISKS = ("w-1", "cp-2")
"""Hosts with the label that the databases ask for."""
VARIABLE = f"windlass_secret.{CLUSTER}.stacks"
IMAGES = ("registry", "redis", "postgresql")
DATA = "/var/lib/windlass/stacks"
MINUTES = timedelta(minutes=4)


def spec_of(ground: Ground, *stacks: dict[str, Any], disks: tuple[str, ...] = DISKS) -> str:
    document = yaml.safe_load(ground.spec(ROLES, stacks=list(stacks)))
    for member in document["spec"]["hosts"]["members"]:
        if member["name"] in disks:
            member["labels"] = {"e2e.example/disk": "fast"}
    return yaml.safe_dump(document, sort_keys=False, width=10_000)


def registry_of(ground: Ground, **values: Any) -> dict[str, Any]:
    upstream = f"http://{ground.lab.registry}"
    return {"name": "registry", "roles": ["worker"], "data": "delete", "values": {"upstream": upstream, **values}}


def database(name: str = "postgresql", scale: int = 2, **values: Any) -> dict[str, Any]:
    values = {"password": {"fromVariable": VARIABLE}, **values}
    return {"name": name, "scale": scale, "labels": {"e2e.example/disk": "fast"}, "values": values}


def placed(ground: Ground, stack: str) -> list[str]:
    """Return where a stack runs, as the stored spec says, whoever has run it longest first."""
    stored = yaml.safe_load(ground.records.spec() or "")
    return next(list(one["placed"]) for one in stored["spec"]["stacks"] if one["name"] == stack)


def running(ground: Ground, container: str) -> list[str]:
    found = {name: ground.on(name, "docker ps --format '{{.Names}}'").split() for name in ROLES}
    return sorted(name for name, names in found.items() if f"windlass-{container}" in names)


def sql(ground: Ground, host: str, text: str) -> str:
    """Ask the database of a host as its own user; empty where it does not answer."""
    ask = f"psql -X -A -t -w -h /run/postgresql postgres -c {shlex.quote(text)}"
    inside = f"PATH=/usr/lib/postgresql/15/bin:$PATH {ask}"
    return ground.on(host, f"docker exec -u postgres windlass-postgresql sh -c {shlex.quote(inside)} || true").strip()


def redis(ground: Ground, host: str, command: str) -> str:
    login = "REDISCLI_AUTH=$(cat /etc/windlass/stacks/redis/password)"
    inside = shlex.quote(f"{login} redis-cli --no-auth-warning -s /run/redis.sock {command}")
    return ground.on(host, f"docker exec windlass-redis sh -c {inside} || true").strip()


def follows(ground: Ground, host: str) -> bool:
    return sql(ground, host, "select status from pg_stat_wal_receiver") == "streaming"


@pytest.fixture(scope="module")
def word(ground: Ground) -> str:
    """The password, as a Variable of Airflow."""
    value = f"sesame-{uuid.uuid4().hex}"
    ground.client._send("DELETE", f"/api/v2/variables/{VARIABLE}")
    ground.client._checked(ground.client._send("POST", "/api/v2/variables", json={"key": VARIABLE, "value": value}))
    return value


@pytest.fixture(scope="module")
def stacked(ground: Ground, command_lines: CommandLines, word: str) -> Ground:
    """The cluster of this module: a registry on one worker, two databases on the hosts with the label."""
    held = {one.name for one in read_lock().artifacts if one.kind == "image"}
    missing = [one for one in IMAGES if one not in held]
    assert not missing, f"the mirror has not the optional images: `windlass mirror --only {' --only '.join(missing)}`"
    if ground.records.spec() is not None:
        ground.run("delete_cluster", confirm_name=CLUSTER).succeeded()
    with command_lines.watched():
        ground.create(spec_of(ground, registry_of(ground), database(), database("redis", 1))).succeeded()
    return ground


def test_stacks_run_where_labels_and_scale_say(stacked: Ground) -> None:
    assert running(stacked, "postgresql") == sorted(DISKS) == sorted(placed(stacked, "postgresql"))
    assert running(stacked, "redis") == placed(stacked, "redis")
    assert len(placed(stacked, "registry")) == 1
    assert running(stacked, "registry") == placed(stacked, "registry")


def test_the_registry_gives_what_it_has_cached(stacked: Ground) -> None:
    (host,) = placed(stacked, "registry")
    name, _, digest = toolbox(stacked).partition("/")[2].partition("@")
    address = stacked.lab.host(host).address
    accept = "Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"
    url = f"http://{address}:5000/v2/{name}/manifests/{digest}"
    got = json.loads(stacked.on("cp-1", f"curl -fsS -H {shlex.quote(accept)} {url}"))
    assert got["schemaVersion"] == 2
    kept = f"{DATA}/registry/docker/registry/v2/repositories/{name}"
    wait_for(lambda: stacked.on(host, f"ls {kept} 2>/dev/null || true"), "what it caches")


def test_a_database_is_followed_and_its_password_is_nowhere(
    stacked: Ground, command_lines: CommandLines, word: str
) -> None:
    first, second = placed(stacked, "postgresql")
    wait_for(lambda: follows(stacked, second), "the follower", MINUTES)
    assert sql(stacked, first, "create table kept as select 7 as number") == "SELECT 1"
    wait_for(lambda: sql(stacked, second, "select number from kept") == "7", "what the primary wrote")
    (host,) = placed(stacked, "redis")
    assert redis(stacked, host, "set number 7") == "OK"

    assert places_with([word], leftovers(stacked, command_lines)) == []
    lines = stacked.on(
        first, "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; docker logs windlass-postgresql 2>&1"
    )
    assert word not in lines
    modes = stacked.on(first, "stat -c %a /etc/windlass/stacks/postgresql/*").split()
    assert set(modes) == {"600"}


def test_a_container_that_is_gone_is_made_again_with_its_data(stacked: Ground) -> None:
    first, _ = placed(stacked, "postgresql")
    (cache,) = placed(stacked, "registry")
    with stacked.watched():
        stacked.on(first, "docker rm -f windlass-postgresql")
        stacked.on(cache, "docker kill windlass-registry")
        wait_for(lambda: sql(stacked, first, "select number from kept") == "7", "the database again", MINUTES)
        wait_for(lambda: running(stacked, "registry") == [cache], "the registry again", MINUTES)
        wait_for(stacked.is_seen_healthy, "health calls all of the cluster healthy", MINUTES)


def test_a_backup_is_what_a_person_s_dag_calls_for(stacked: Ground) -> None:
    first, _ = placed(stacked, "postgresql")
    dump = stacked.on(first, "docker exec -u postgres windlass-postgresql sh /run/postgresql/backup.sh")
    assert "CREATE TABLE public.kept" in dump
    (host,) = placed(stacked, "redis")
    script = "docker exec windlass-redis sh /etc/windlass/stacks/redis/backup.sh | head -c 5"
    assert stacked.on(host, script) == "REDIS"


def test_a_changed_answer_and_another_primary_are_brought_by_one_rollout(stacked: Ground) -> None:
    first, second = placed(stacked, "postgresql")
    (cache,) = placed(stacked, "registry")
    before = stacked.beginnings(list(ROLES))
    spec = spec_of(
        stacked, registry_of(stacked, port=5055), database(primary=second, maxConnections=50), database("redis", 1)
    )
    run = stacked.apply(spec).succeeded()
    assert "registry" in run.result("gate")["text"]

    wait_for(lambda: sql(stacked, second, "select pg_is_in_recovery()") == "f", "the new primary", MINUTES)
    wait_for(lambda: follows(stacked, first), "the old primary to follow", MINUTES)
    assert sql(stacked, second, "select number from kept; show max_connections").split() == ["7", "50"]
    address = stacked.lab.host(cache).address
    wait_for(lambda: stacked.on("cp-1", f"curl -fsS http://{address}:5055/v2/ || true"), "the registry's other port")
    assert placed(stacked, "postgresql") == [first, second], "what runs stays where it is"

    changed = ("windlass-registry", "windlass-postgresql", "registry", "postgresql")
    after = stacked.beginnings(list(ROLES))
    others = {name for name in before if name.partition("/")[2] not in changed}
    assert {name: after[name] for name in others} == {name: before[name] for name in others}
    assert stacked.apply().succeeded().outcome == "nothing"


def test_a_host_that_loses_its_label_loses_the_stack_and_the_other_is_the_primary(stacked: Ground) -> None:
    first, second = placed(stacked, "postgresql")
    stacked.apply(
        spec_of(stacked, registry_of(stacked, port=5055), database(scale=1, maxConnections=50), disks=(second,))
    ).succeeded()
    assert placed(stacked, "postgresql") == running(stacked, "postgresql") == [second]
    assert running(stacked, "redis") == []
    wait_for(lambda: sql(stacked, second, "select number from kept") == "7", "the database")
    assert "data" in stacked.on(first, f"ls {DATA}/postgresql"), "data stay where the spec does not say else"


def test_too_few_hosts_are_told_before_anything_is_changed(stacked: Ground) -> None:
    stored = stacked.records.spec()
    refusal = stacked.apply(spec_of(stacked, database(scale=3))).refused("gate")
    assert "`postgresql` is to run on 3, and w-1, cp-2 fits" in refusal
    assert stacked.records.spec() == stored


def test_stacks_go_with_their_data_where_the_spec_says_so_and_all_goes_with_the_cluster(stacked: Ground) -> None:
    (cache,) = placed(stacked, "registry")
    stacked.apply(spec_of(stacked)).succeeded()
    assert {name: running(stacked, name) for name in IMAGES} == {name: [] for name in IMAGES}
    assert "registry" not in stacked.on(cache, f"ls {DATA}").split()

    stacked.run("delete_cluster", confirm_name=CLUSTER).succeeded()
    stacked.client._send("DELETE", f"/api/v2/variables/{VARIABLE}")
    assert {host: stacked.traces(host) for host in HOSTS} == {host: [] for host in HOSTS}
