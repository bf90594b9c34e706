"""Prove a bundle: restore it on one host, compare what comes back with what was recorded, clear everything away."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from windlass.domain.backup import SNAPSHOT, BundleId, BundleManifest, Comparison, DrillRecord, drill_id
from windlass.domain.bounded import read_from
from windlass.domain.catalog import Release
from windlass.domain.host.layout import DATA, DRILLS
from windlass.domain.rendering import image_reference
from windlass.domain.scripts.restore_drill import ENCRYPTED, DrillPlan, Images, cleanup_script, plan_drill
from windlass.domain.scripts.script import Script
from windlass.domain.spec.models import Host
from windlass.effects.bundles import Vault
from windlass.effects.clock import Clock
from windlass.effects.ssh.connection import Connection, RemoteFile
from windlass.errors import CommandError, IntegrityError, NotReadyError, RefusedError, WindlassError
from windlass.operations.backup.take import Stopwatch
from windlass.operations.cluster import ClusterSession
from windlass.operations.waiting import wait_until

_STEP = timedelta(minutes=5)
_READY = timedelta(seconds=90)
_PAGE = 500


@dataclass
class _Drill:
    """One drill while it runs."""

    plan: DrillPlan
    manifest: BundleManifest
    connection: Connection
    watch: Stopwatch
    clock: Clock
    comparisons: list[Comparison] = field(default_factory=list)

    def compare(self, what: str, expected: object, found: object) -> None:
        """Note one thing that was looked at."""
        one = Comparison(what=what, expected=str(expected), found=str(found))
        self.comparisons.append(one)
        self.watch.tell(f"{what}: {one.found}" if one.is_equal else f"{what}: {one.found}, and not {one.expected}")

    def command(self, argv: list[str]) -> str:
        """Run a command on the host and return what it printed."""
        return self.connection.run(argv, sudo=True, timeout=_STEP).stdout

    def ask(self, path: str) -> Any:
        """Return what the throwaway API server answers."""
        return json.loads(self.connection.run_script(self.plan.ask_api(path), timeout=_STEP).stdout)


def drill_host(session: ClusterSession) -> Host:
    """Return the host to drill on: the spec's, or one that holds the cluster's keys anyway and answers.

    A worker is only taken if the spec names it: the snapshot and the keys of Secrets would lie there for a while.
    RefusedError if there is none.
    """
    named = session.cluster.spec.backup.drill.host
    hosts = {host.name: host for host in session.hosts}
    if named is not None:
        return hosts[named]
    trusted = [host for host in session.hosts if {"etcd", "control-plane"} & set(host.roles)]
    outcomes = session.try_on_hosts(trusted, lambda _, connection: _free_bytes(connection))
    answering = {name: outcome.get() for name, outcome in outcomes.items() if outcome.is_ok}
    if not answering:
        reasons = "; ".join(f"{name}: {outcome.error}" for name, outcome in outcomes.items())
        raise RefusedError(f"no host to drill on: {reasons}; name one as backup.drill.host in the spec")
    # Rather a host without a member of etcd, then one with room.
    best = max(answering, key=lambda name: ("etcd" not in hosts[name].roles, answering[name]))
    return hosts[best]


def run_drill(
    session: ClusterSession, release: Release, vault: Vault, bundle: BundleId, by: str, watch: Stopwatch
) -> DrillRecord:
    """Restore a bundle on one host, compare, clean up, store the record and return it, whatever came of it.

    `release` is that of the bundle. A failure of the drill is in the record; what is raised is only that the record
    could not be stored. The caller sees to it that there is one drill at a time.
    """
    started = session.clock.now()
    drill: _Drill | None = None
    host, failure, disproves = "", "", False
    try:
        host = drill_host(session).name
        with watch.step("total"):
            manifest = vault.manifest(bundle)
            connection = session.connections.get(host)
            images = Images(*(image_reference(name, release, session.lock, session.mirror) for name in _IMAGES))
            size = manifest.parts[SNAPSHOT].clear_bytes
            plan = plan_drill(drill_id(bundle, started), images, size, vault.state(manifest), started)
            drill = _Drill(plan, manifest, connection, watch, session.clock)
            with _clean(connection):
                _restore(drill, vault)
                _try_etcd(drill)
                _try_api(drill)
    except IntegrityError as error:
        failure, disproves = str(error), True
    except WindlassError as error:
        failure = str(error)
    comparisons = tuple(drill.comparisons) if drill else ()
    different = [one.what for one in comparisons if not one.is_equal]
    if different:
        failure, disproves = f"what was restored differs in {', '.join(different)}", True
    record = DrillRecord(
        id=drill_id(bundle, started),
        cluster=vault.cluster,
        bundle=str(bundle),
        host=host,
        by=by,
        started=started,
        finished=session.clock.now(),
        milliseconds=watch.milliseconds,
        comparisons=comparisons,
        failure=failure,
        disproves=disproves,
    )
    vault.save_drill(record)
    return record


_IMAGES = ("etcd", "kube-apiserver")


def clear_drills(connection: Connection) -> None:
    """Remove what drills left on a host."""
    connection.run_script(cleanup_script(), timeout=_STEP)


@contextmanager
def _clean(connection: Connection) -> Iterator[None]:
    """Begin with a host without traces of drills, and leave it so however it ends."""
    clear_drills(connection)
    try:
        yield
    finally:
        clear_drills(connection)


def _restore(drill: _Drill, vault: Vault) -> None:
    plan, watch = drill.plan, drill.watch
    free = _free_bytes(drill.connection)
    if free < plan.needed_bytes:
        raise RefusedError(
            f"{drill.connection.host}: a drill needs {plan.needed_bytes // 2**20} MiB below {DRILLS}, and "
            f"{free // 2**20} MiB are free; free some, or name another host as backup.drill.host"
        )
    files = {path: RemoteFile(content, mode=0o600) for path, content in plan.files.items()}
    drill.connection.run(["mkdir", "-p", "-m", "0700", DRILLS, plan.directory], sudo=True)
    drill.connection.put_tree(plan.directory, files)
    with watch.step("fetch"), vault.open_part(drill.manifest, SNAPSHOT) as pieces:
        _send(drill.connection, plan.receive(), pieces)
    with watch.step("status"):
        said = drill.command(plan.status())
        with read_from(f"{drill.connection.host}: what etcdutl says of the snapshot", "drill on another host"):
            found = json.loads(said)["revision"]
        drill.compare("revision", drill.manifest.content.revision, found)
    with watch.step("restore"):
        drill.command(plan.restore())


def _try_etcd(drill: _Drill) -> None:
    plan, content = drill.plan, drill.manifest.content
    with drill.watch.step("etcd"):
        drill.command(plan.start_etcd())
        _until(lambda: drill.command(plan.etcdctl("endpoint", "health")), "wait for the throwaway etcd", drill.clock)
        # At once: the leases run again, and what they take with them when they end raises the revision.
        counted = _fields(drill.command(plan.count(content.revision)))
        drill.compare("revision of the running etcd", content.revision, counted.get("Revision"))
        drill.compare("number of keys", content.keys, counted.get("Count"))
    with drill.watch.step("hash"):
        hashed = _fields(drill.command(plan.hash(content.revision)))
        drill.compare("hash of all keys", content.hash, hashed.get("Hash"))


def _fields(text: str) -> dict[str, str]:
    """Read etcdctl's output of fields: lines such as `"Count" : 7305`."""
    pairs = (line.partition(" : ") for line in text.splitlines())
    return {name.strip('"'): value.strip() for name, _, value in pairs}


def _try_api(drill: _Drill) -> None:
    manifest = drill.manifest
    with drill.watch.step("API server"):
        drill.command(drill.plan.start_api_server())
        _until(lambda: drill.ask("/api/v1?timeout=5s"), "wait for the throwaway API server", drill.clock)
    with drill.watch.step("compare"):
        for what, path, expected in (
            ("UIDs of namespaces", "/api/v1/namespaces", manifest.namespaces),
            ("UIDs of nodes", "/api/v1/nodes", manifest.nodes),
        ):
            found = {one["name"]: one["uid"] for one in _metadata(drill, path)}
            same = sum(found.get(name) == uid for name, uid in expected.items())
            drill.compare(what, f"{len(expected)} the same", f"{same} the same")
        _decrypt(drill)


def _decrypt(drill: _Drill) -> None:
    """Have the API server decrypt a Secret with the bundle's keys; of a bundle without Secrets, say so."""
    try:
        first = next(iter(_metadata(drill, "/api/v1/secrets", limit=1)), None)
    except CommandError as error:
        raise IntegrityError(f"the bundle's own keys do not open a Secret in its snapshot: {error}") from error
    if first is None:
        drill.watch.tell("there is no Secret in the bundle, so that none was decrypted")
        return
    key = f"{drill.plan.prefix}/secrets/{first['namespace']}/{first['name']}"
    script = drill.plan.stored_secret(key, drill.manifest.content.revision)
    beginning = drill.connection.run_script(script, timeout=_STEP).stdout
    how = "decrypted" if beginning == ENCRYPTED else "read, stored in clear"
    drill.compare("a Secret", how, how)


def _metadata(drill: _Drill, path: str, limit: int = 0) -> Iterator[Mapping[str, Any]]:
    """Yield the metadata of all objects of a list (or of the first `limit`), page by page."""
    following = ""
    while True:
        page = drill.ask(f"{path}?limit={limit or _PAGE}{following}")
        for item in page.get("items") or []:
            yield item["metadata"]
        token = page["metadata"].get("continue")
        if limit or not token:
            return
        following = f"&continue={token}"


def _until(look: Callable[[], object], doing: str, clock: Clock) -> None:
    def missing() -> str:
        try:
            look()
        except (CommandError, ValueError) as error:
            return str(error)
        return ""

    wait_until(missing, _READY, doing, clock)


def _send(connection: Connection, receive: Script, pieces: Iterator[bytes]) -> None:
    with connection.open_script(receive) as channel:
        for piece in pieces:
            channel.sendall(piece)
        channel.finish_input()
        while channel.recv(4096):
            pass
        channel.wait(_STEP)


def _free_bytes(connection: Connection) -> int:
    lines = connection.run(["df", "-Pk", DATA], sudo=True).stdout.splitlines()
    try:
        return int(lines[-1].split()[3]) * 1024
    except (IndexError, ValueError) as error:
        raise NotReadyError(f"{connection.host}: df tells no free space: {lines}") from error
