from __future__ import annotations

import io
import json
import shlex
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from unit.backup.examples import BUNDLE, manifest, new_keys, part
from windlass.domain.artifacts import Artifact, Lock, Locked
from windlass.domain.backup import SNAPSHOT, STATE, BundleState, DrillRecord
from windlass.domain.pki import Pki, secrets
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.scripts.restore_drill import DrillPlan, Images, plan_drill
from windlass.domain.spec import Cluster, dump_cluster
from windlass.effects.bundles import Vault
from windlass.effects.catalog import load_catalog
from windlass.effects.ssh.connection import CommandResult
from windlass.effects.ssh.fake import Call, FakeHost, FakeHosts
from windlass.effects.ssh.pool import Connections
from windlass.effects.store import MemoryStore
from windlass.errors import RefusedError
from windlass.operations.backup import isolated
from windlass.operations.backup.drill import run_drill
from windlass.operations.backup.isolated import drill_host
from windlass.operations.backup.take import Stopwatch
from windlass.operations.cluster import ClusterSession

RELEASE = load_catalog(Path(__file__).parents[3] / "include" / "templates" / "kubernetes").release("v1.37.2")
IMAGES = {name: RELEASE.artifact("image", name) for name in ("etcd", "kube-apiserver")}
LOCK = Lock("modules", {artifact: Locked("sha256:" + "1" * 64, 1, "build") for artifact in IMAGES.values()})
GIB = 2**30
NAMESPACE = manifest().namespaces["default"]
NODE = manifest().nodes["cp-1"]


def free(gibibytes: int) -> str:
    return f"Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda 1 1 {gibibytes * 2**20} 1% /\n"


def fields(**values: Any) -> str:
    """Write what etcdctl prints with `--write-out=fields`."""
    return "".join(f'"{name}" : {value}\n' for name, value in values.items())


class DrillHost(FakeHost):
    """A host whose throwaway etcd and API server answer as the bundle of the examples says."""

    def __init__(self, name: str, **answers: Any) -> None:
        super().__init__(name)
        self.said = {
            "revision": 1042,
            "hash": 4000000000,
            "count": 400,
            "uid": NAMESPACE,
            "secret": "k8s:enc:",
            **answers,
        }
        self.received = bytearray()
        self.on("df", answer=free(answers.get("free", 50)))
        self.on("mkdir")
        self.on("docker", answer=self._docker)
        self.on("sh", "-s", answer=self._script)
        self.on_stream("sh", "-c", handler=self._receive)

    def _receive(self, far: socket.socket) -> None:
        while data := far.recv(65536):
            self.received += data

    def _docker(self, call: Call) -> str:
        words = " ".join(call.argv)
        if "snapshot status" in words:
            return json.dumps({"hash": 1, "revision": self.said["revision"], "totalKey": 1500})
        if "endpoint hashkv --rev=1042" in words:
            return fields(ClusterID=1, MemberID=2, Revision=1043, Hash=self.said["hash"], HashRevision=1042)
        if "--count-only" in words:
            return fields(ClusterID=1, Revision=self.said["revision"], More="false", Count=self.said["count"])
        return ""

    def _script(self, call: Call) -> CommandResult | str:
        assert call.script is not None
        if call.script.name == "show-stored-secret":
            return str(self.said["secret"])
        path = call.script.arguments.get("path", "")
        if path.startswith("/api/v1/secrets") and self.said["secret"] == "unreadable":
            return CommandResult(22, '{"message": "unable to transform key"}', "curl: (22) 500")
        lists = {"namespaces": ("default", self.said["uid"]), "nodes": ("cp-1", NODE), "secrets": ("token", "1")}
        for kind, (name, uid) in lists.items():
            if path.startswith(f"/api/v1/{kind}?"):
                items = [{"metadata": {"name": name, "namespace": "default", "uid": uid}}]
                return json.dumps({"metadata": {}, "items": items})
        return "{}"


@pytest.fixture
def vault(cluster: Cluster, pki: Pki) -> Vault:
    made = Vault(MemoryStore(), "demo", new_keys())
    state = BundleState(pki, dump_cluster(cluster), encrypts_secrets=True, images={}, stacks={})
    contents = {SNAPSHOT: b"database", STATE: state.to_bytes()}
    parts = {name: made.write_part(BUNDLE, name, io.BytesIO(data)) for name, data in contents.items()}
    made.commit(manifest(parts=parts))
    return made


@pytest.fixture
def drill(cluster: Cluster, vault: Vault) -> Callable[..., tuple[DrillRecord, DrillHost]]:
    def run(**answers: Any) -> tuple[DrillRecord, DrillHost]:
        hosts = [
            DrillHost("cp-1", **answers),
            *(FakeHost(name, is_reachable=False) for name in ("cp-2", "cp-3", "w-1")),
        ]
        record = run_drill(session(cluster, hosts), RELEASE, vault, BUNDLE, "restore_drill (run one)", Stopwatch())
        return record, hosts[0]  # type: ignore[return-value]

    return run


def session(cluster: Cluster, hosts: list[Any]) -> ClusterSession:
    fakes = FakeHosts(hosts)
    mirror = MirrorAddresses("http://192.0.2.9:8080", "192.0.2.9:5000")
    return ClusterSession(cluster, RELEASE, LOCK, mirror, Connections(fakes.targets(), fakes))


def is_clean(host: DrillHost) -> bool:
    return host.scripts()[-1].name == "remove-drills"


def test_a_bundle_that_comes_back_as_it_was_is_proven(drill: Any, vault: Vault) -> None:
    record, host = drill()
    assert record.is_proof, record.failure
    assert {one.what for one in record.comparisons} == {
        "revision",
        "hash of all keys",
        "revision of the running etcd",
        "number of keys",
        "UIDs of namespaces",
        "UIDs of nodes",
        "a Secret",
    }
    assert bytes(host.received) == b"database"
    assert list(record.milliseconds) == ["fetch", "status", "restore", "etcd", "hash", "API server", "compare", "total"]
    assert vault.drill(record.id) == record
    assert is_clean(host)


@pytest.mark.parametrize(
    ("answer", "differs"),
    [
        ({"revision": 1041}, "revision"),
        ({"hash": 1}, "hash of all keys"),
        ({"count": 399}, "number of keys"),
        ({"uid": "another"}, "UIDs of namespaces"),
    ],
)
def test_a_bundle_that_comes_back_otherwise_is_disproven(drill: Any, answer: dict[str, Any], differs: str) -> None:
    record, host = drill(**answer)
    assert not record.is_proof
    assert record.disproves
    assert differs in record.failure
    assert is_clean(host)


def test_a_bundle_whose_keys_do_not_open_its_secrets_is_disproven(drill: Any) -> None:
    record, host = drill(secret="unreadable")
    assert record.disproves
    assert "do not open a Secret" in record.failure
    assert is_clean(host)


def test_a_damaged_bundle_is_disproven(drill: Any, vault: Vault) -> None:
    key = f"clusters/demo/bundles/{BUNDLE}/{SNAPSHOT}"
    stored = vault.store.get(key)
    assert stored is not None
    vault.store.put(key, stored.data[:-1])
    record, host = drill()
    assert record.disproves
    assert "cut off" in record.failure
    assert is_clean(host)


def test_a_host_without_room_disproves_nothing(drill: Any) -> None:
    record, host = drill(free=0)
    assert (record.is_proof, record.disproves) == (False, False)
    assert "cp-1: a drill needs 1024 MiB" in record.failure
    assert is_clean(host)


def test_a_server_that_does_not_start_disproves_nothing(drill: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "_READY", timedelta())
    monkeypatch.setattr(
        DrillHost,
        "_script",
        lambda _, call: CommandResult(7, "", "refused") if call.script.name == "ask-drill-api" else "",
    )
    record, host = drill()
    assert (record.is_proof, record.disproves) == (False, False)
    assert "wait for the throwaway API server" in record.failure
    assert is_clean(host)


def named(cluster: Cluster, host: str) -> Cluster:
    drill = cluster.spec.backup.drill.model_copy(update={"host": host})
    backup = cluster.spec.backup.model_copy(update={"drill": drill})
    return cluster.model_copy(update={"spec": cluster.spec.model_copy(update={"backup": backup})})


def test_a_drill_goes_to_the_host_with_most_room_that_has_the_keys_anyway(cluster: Cluster) -> None:
    hosts = [
        DrillHost("cp-1", free=5),
        DrillHost("cp-2", free=9),
        FakeHost("cp-3", is_reachable=False),
        DrillHost("w-1"),
    ]
    assert drill_host(session(cluster, hosts)).name == "cp-2"
    assert drill_host(session(named(cluster, "w-1"), hosts)).name == "w-1"


def test_without_a_host_that_answers_the_way_out_is_told(cluster: Cluster) -> None:
    hosts = [FakeHost(name, is_reachable=False) for name in ("cp-1", "cp-2", "cp-3", "w-1")]
    with pytest.raises(RefusedError, match=r"backup\.drill\.host"):
        drill_host(session(cluster, hosts))


@pytest.fixture
def plan(cluster: Cluster, pki: Pki) -> DrillPlan:
    state = BundleState(pki, dump_cluster(cluster), encrypts_secrets=True, images={}, stacks={})
    return plan_drill("one", Images("etcd@1", "api@1"), 340 * 2**20, state, manifest().started)


def test_what_is_tried_reaches_no_network(plan: DrillPlan) -> None:
    for command in (plan.status(), plan.restore(), plan.start_etcd()):
        assert command[command.index("--network") + 1] == "none"
    api = plan.start_api_server()
    assert api[api.index("--network") + 1] == "container:windlass-drill-etcd"


def test_objects_are_looked_for_where_the_clusters_api_servers_keep_them(cluster: Cluster, pki: Pki) -> None:
    document = cluster.model_dump(mode="json", by_alias=True)
    document["spec"]["components"] = {"kube-apiserver": {"extraArgs": {"etcd-prefix": "/other/"}}}
    text = dump_cluster(Cluster.model_validate(document))
    state = BundleState(pki, text, encrypts_secrets=True, images={}, stacks={})
    drill = plan_drill("one", Images("etcd@1", "api@1"), 2**20, state, manifest().started)
    assert "--etcd-prefix=/other" in drill.start_api_server()


def test_of_the_clusters_keys_only_those_of_its_secrets_are_written(plan: DrillPlan, pki: Pki) -> None:
    laid = b"\n".join(plan.files.values()).decode()
    found = {secret for secret in secrets(pki) if secret in laid}
    assert found == {key.key.reveal() for key in pki.encryption_keys}


def test_no_command_shows_a_secret(plan: DrillPlan, pki: Pki) -> None:
    commands = [plan.status(), plan.restore(), plan.start_etcd(), plan.start_api_server(), plan.hash(1)]
    words = "\n".join([*(shlex.join(command) for command in commands), plan.ask_api("/api").text])
    assert not [secret for secret in secrets(pki) if secret in words]


def test_a_restore_does_not_bump_the_revision(plan: DrillPlan) -> None:
    assert not [word for word in plan.restore() if "bump" in word or "compacted" in word]


def test_no_tool_opens_the_store_of_keys_without_its_leases(plan: DrillPlan) -> None:
    asked = plan.hash(1042)
    assert asked[:4] == ["docker", "exec", "windlass-drill-etcd", "etcdctl"]
    assert asked[asked.index("endpoint") :][:3] == ["endpoint", "hashkv", "--rev=1042"]


def test_room_is_asked_for_twice_the_database(plan: DrillPlan) -> None:
    assert plan.needed_bytes == 2 * 340 * 2**20 + GIB
    assert part().clear_bytes == 7
    assert IMAGES["etcd"] == Artifact("image", "etcd", RELEASE.images["etcd"])
