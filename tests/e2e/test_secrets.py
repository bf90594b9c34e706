from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator

import pytest

from e2e.ground import CLUSTER, Ground
from e2e.leaks import CommandLines, all_secrets, leftovers, places_with

DIRECTORY_OF_LOGS = "tasks"


@pytest.fixture
def planted(cluster: Ground) -> Iterator[str]:
    """A word in every kind of place where a secret could be left behind."""
    word = f"planted-{uuid.uuid4().hex}"
    log, key = cluster.home.logs / DIRECTORY_OF_LOGS / "planted.log", f"clusters/{CLUSTER}/planted"
    run = cluster.client.runs("create_cluster")[0]
    path = f"/api/v2/dags/create_cluster/dagRuns/{run.run_id}"
    process = subprocess.Popen(["sh", "-c", 'read -r line; echo "$0"', word], stdin=subprocess.PIPE)
    try:
        log.write_text(f"a line with {word} in it\n")
        cluster.bucket.put(key, f"sealed badly: {word}".encode())
        cluster.client._checked(cluster.client._send("PATCH", path, json={"note": word}))
        cluster.on("w-1", f"echo {word} > /etc/windlass/planted; chmod 644 /etc/windlass/planted")
        cluster.on("cp-2", f"logger {word}")
        yield word
    finally:
        process.communicate(timeout=10)
        log.unlink()
        cluster.bucket.delete(key)
        cluster.client._checked(cluster.client._send("PATCH", path, json={"note": None}))
        cluster.on("w-1", "rm /etc/windlass/planted")


def test_a_planted_secret_is_found_wherever_it_is(cluster: Ground, planted: str) -> None:
    now = CommandLines()
    now.look()

    found = places_with([planted], leftovers(cluster, now))

    run = cluster.client.runs("create_cluster")[0].run_id
    desired = {"command line", f"log {DIRECTORY_OF_LOGS}/planted.log", "table dag_run_note", f"rest {run}"}
    assert desired | {f"store clusters/{CLUSTER}/planted", "host w-1", "host cp-2"} <= set(found)


def test_no_secret_is_left_behind_anywhere(cluster: Ground, command_lines: CommandLines) -> None:
    command_lines.look()

    assert any("kube-apiserver" in line for line in command_lines.seen)
    assert places_with(all_secrets(cluster), leftovers(cluster, command_lines)) == []


def test_private_keys_on_hosts_are_for_root_alone(cluster: Ground) -> None:
    find = "find /etc/windlass -type f \\( -name '*.key' -o -name '*.conf' -o -name 'encryption.yaml' \\) -perm /077"
    assert {host: cluster.on(host, find) for host in ("cp-1", "w-1")} == {"cp-1": "", "w-1": ""}
    assert cluster.on("cp-1", "find /etc/windlass -name '*.key' | wc -l").strip() != "0"


def test_an_api_server_s_container_sees_its_own_keys_alone(cluster: Ground) -> None:
    template = "{{range .Mounts}}{{.Source}} {{end}}"
    mounts = cluster.on("cp-1", f"docker inspect --format '{template}' windlass-kube-apiserver").split()
    assert sorted(mounts) == [
        "/etc/windlass/pki/kube-apiserver",
        "/etc/windlass/stacks/control-plane",
        "/var/log/windlass/audit",
    ]
