"""A cluster's data in an isolated place: a bundle restored on one host under a throwaway etcd and API server.

Drills prove a bundle there, and whoever wants to see or try something of a bundle does it there too. One at a time of a
cluster: whoever opens the place holds the lease of drills.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from windlass.domain.backup import SNAPSHOT, BundleManifest
from windlass.domain.bounded import read_from
from windlass.domain.host.layout import DATA, DRILLS
from windlass.domain.scripts.isolated_api import (
    LARGEST,
    ApiRequest,
    IsolatedAnswer,
    exchange_input,
    exchange_script,
    read_answers,
)
from windlass.domain.scripts.restore_drill import DrillPlan, cleanup_script
from windlass.domain.scripts.script import Script
from windlass.domain.spec.models import Host
from windlass.effects.bundles import Vault
from windlass.effects.clock import Clock
from windlass.effects.ssh.connection import Connection, RemoteFile
from windlass.errors import CommandError, IntegrityError, NotReadyError, RefusedError
from windlass.operations.backup.take import Stopwatch
from windlass.operations.cluster import ClusterSession
from windlass.operations.waiting import wait_until

STEP = timedelta(minutes=5)
_READY = timedelta(seconds=90)
_PIECE = 64 * 1024
_PAGE = 500


@dataclass(frozen=True)
class IsolatedCluster:
    """The place while it is open."""

    plan: DrillPlan
    manifest: BundleManifest
    connection: Connection
    watch: Stopwatch
    clock: Clock

    def command(self, argv: list[str]) -> str:
        """Run a command on the host and return what it printed."""
        return self.connection.run(argv, sudo=True, timeout=STEP).stdout

    def ask(self, path: str) -> Any:
        """Return what the throwaway API server answers, of lists only the metadata of what is in them."""
        return json.loads(self.connection.run_script(self.plan.ask_api(path), timeout=STEP).stdout)

    def exchange(self, requests: Sequence[ApiRequest]) -> list[IsolatedAnswer]:
        """Do requests at the throwaway API server, in turn; an answer to each.

        NotReadyError if it does not answer all of them, IntegrityError if it answers too much.
        """
        if not requests:
            return []
        mark = secrets.token_hex(16)
        told = exchange_input(requests, self.plan.pki, mark).encode()
        output = _exchanged(self.connection, exchange_script(), [told])
        return read_answers(output.decode(errors="replace"), len(requests), mark)

    def open(self, vault: Vault) -> None:
        """Restore the bundle and start both servers; RefusedError without room."""
        self.fetch(vault)
        self.restore()
        with self.watch.step("etcd"):
            self.start_etcd()
        with self.watch.step("API server"):
            self.start_api_server()

    def fetch(self, vault: Vault) -> None:
        """Write the files and the snapshot to the host; RefusedError without room for them."""
        plan = self.plan
        free = free_bytes(self.connection)
        if free < plan.needed_bytes:
            raise RefusedError(
                f"{self.connection.host}: a drill needs {plan.needed_bytes // 2**20} MiB below {DRILLS}, and "
                f"{free // 2**20} MiB are free; free some, or name another host as backup.drill.host"
            )
        files = {path: RemoteFile(content, mode=0o600) for path, content in plan.files.items()}
        self.connection.run(["mkdir", "-p", "-m", "0700", DRILLS, plan.directory], sudo=True)
        self.connection.put_tree(plan.directory, files)
        with self.watch.step("fetch"), vault.open_part(self.manifest, SNAPSHOT) as pieces:
            _exchanged(self.connection, plan.receive(), pieces)

    def revision(self) -> int:
        """Return the revision that etcd's own tool finds in the snapshot, once it has checked its sum."""
        with self.watch.step("status"):
            said = self.command(self.plan.status())
            with read_from(f"{self.connection.host}: what etcdutl says of the snapshot", "drill on another host"):
                return int(json.loads(said)["revision"])

    def restore(self) -> None:
        """Restore the snapshot into etcd's data."""
        with self.watch.step("restore"):
            self.command(self.plan.restore())

    def start_etcd(self) -> None:
        """Start etcd, and wait until it is healthy."""
        self.command(self.plan.start_etcd())
        healthy = self.plan.etcdctl("endpoint", "health")
        self._until(lambda: self.command(healthy), "wait for the throwaway etcd")

    def start_api_server(self) -> None:
        """Start the API server, and wait until it answers."""
        self.command(self.plan.start_api_server())
        self._until(lambda: self.ask("/api/v1?timeout=5s"), "wait for the throwaway API server")

    def _until(self, look: Callable[[], object], doing: str) -> None:
        def missing() -> str:
            try:
                look()
            except (CommandError, ValueError) as error:
                return str(error)
            return ""

        wait_until(missing, _READY, doing, self.clock)


def drill_host(session: ClusterSession) -> Host:
    """Return the host to restore on: the spec's, or one that holds the cluster's keys anyway and answers.

    A worker is only taken if the spec names it: the snapshot and the keys of Secrets would lie there for a while.
    RefusedError if there is none.
    """
    named = session.cluster.spec.backup.drill.host
    hosts = {host.name: host for host in session.hosts}
    if named is not None:
        return hosts[named]
    trusted = [host for host in session.hosts if {"etcd", "control-plane"} & set(host.roles)]
    outcomes = session.try_on_hosts(trusted, lambda _, connection: free_bytes(connection))
    answering = {name: outcome.get() for name, outcome in outcomes.items() if outcome.is_ok}
    if not answering:
        reasons = "; ".join(f"{name}: {outcome.error}" for name, outcome in outcomes.items())
        raise RefusedError(f"no host to drill on: {reasons}; name one as backup.drill.host in the spec")
    # Rather a host without a member of etcd, then one with room.
    best = max(answering, key=lambda name: ("etcd" not in hosts[name].roles, answering[name]))
    return hosts[best]


def clear_drills(connection: Connection) -> None:
    """Remove what was left of such places on a host."""
    connection.run_script(cleanup_script(), timeout=STEP)


@contextmanager
def clean_host(connection: Connection) -> Iterator[None]:
    """Begin with a host without traces of such a place, and leave it so however it ends."""
    clear_drills(connection)
    try:
        yield
    finally:
        clear_drills(connection)


def free_bytes(connection: Connection) -> int:
    """Return how much room there is where such places lie."""
    lines = connection.run(["df", "-Pk", DATA], sudo=True).stdout.splitlines()
    try:
        return int(lines[-1].split()[3]) * 1024
    except (IndexError, ValueError) as error:
        raise NotReadyError(f"{connection.host}: df tells no free space: {lines}") from error


def _exchanged(connection: Connection, script: Script, pieces: Iterable[bytes]) -> bytes:
    """Return what a script prints that is told something in pieces; IntegrityError if it prints too much."""
    found = bytearray()
    with connection.open_script(script) as channel:
        for piece in pieces:
            channel.sendall(piece)
        channel.finish_input()
        while piece := channel.recv(_PIECE):
            found += piece
            if len(found) > LARGEST:
                raise IntegrityError(f"{connection.host}: the throwaway API server answers more than {LARGEST} bytes")
        channel.wait(STEP)
    return bytes(found)


def metadata_of(place: IsolatedCluster, path: str, limit: int = 0) -> Iterator[Mapping[str, Any]]:
    """Yield the metadata of all objects of a list (or of the first `limit`), page by page."""
    following = ""
    while True:
        page = place.ask(f"{path}?limit={limit or _PAGE}{following}")
        for item in page.get("items") or []:
            yield item["metadata"]
        token = page["metadata"].get("continue")
        if limit or not token:
            return
        following = f"&continue={token}"
