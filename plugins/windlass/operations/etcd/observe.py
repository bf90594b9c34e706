"""See how each etcd member is: ask its host, ask it itself, and where the host does not answer, ask it from others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urlsplit

from windlass.domain.etcd.membership import Observation, ObservedMember, Process
from windlass.domain.host.layout import ETCD_CLIENT_PORT, ETCD_PEER_PORT
from windlass.domain.pki import Pki
from windlass.domain.scripts.etcd_member import observe_member_script
from windlass.domain.spec.models import Host
from windlass.effects.etcd import EtcdClient, EtcdCredentials, EtcdTarget
from windlass.effects.ssh.connection import Connection
from windlass.errors import WindlassError
from windlass.operations.cluster import ClusterSession

_ANSWERS_WITHIN = timedelta(seconds=3)


def peer_url(host: Host) -> str:
    """Return where the other members reach the one on `host`."""
    return f"https://{host.address}:{ETCD_PEER_PORT}"


def observe_members(session: ClusterSession, pki: Pki, unreachable: Mapping[str, str] | None = None) -> Observation:
    """Return what can be seen of the members, all hosts side by side; what cannot be seen is unknown, not dead.

    Hosts that are known to be `unreachable`, each with the reason, are not waited for again.
    """
    hosts = session.cluster.hosts_with("etcd")
    credentials = EtcdCredentials.of(pki)
    gone = dict(unreachable or {})
    asked = [host for host in hosts if host.name not in gone]
    outcomes = session.try_on_hosts(asked, lambda _, connection: _look(connection, credentials))
    gone |= {name: str(outcome.error) for name, outcome in outcomes.items() if not outcome.is_ok}
    seen = {
        peer_url(host): ObservedMember("unknown", reason=gone[host.name])
        if host.name in gone
        else outcomes[host.name].get()
        for host in hosts
    }
    observed = Observation({host.name: peer_url(host) for host in hosts}, seen)
    answering = [host.name for host in hosts if observed.at(host.name).status is not None]
    others = {address: _ask_from(session, answering, address, credentials) for address in _not_seen(observed)}
    return replace(observed, seen={**seen, **others})


def _look(connection: Connection, credentials: EtcdCredentials) -> ObservedMember:
    said = connection.run_script(observe_member_script(), timeout=timedelta(seconds=20)).stdout
    values = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    processes: dict[str, Process] = {"running": "running", "stopped": "stopped", "absent": "absent"}
    sighting = ObservedMember(
        processes.get(values.get("process", ""), "unknown"),
        has_data={"yes": True, "no": False}.get(values.get("data", "")),
        free_bytes=int(values["free"]) * 1024 if values.get("free") else None,
    )
    if sighting.process == "absent":
        return replace(sighting, reason=f"{connection.host}: etcd does not run there")
    return _ask(MemberRoute(connection), credentials, sighting)


@dataclass(frozen=True)
class MemberRoute:
    """A way to a member: through a host, to an address as that host sees it."""

    connection: Connection
    address: str = "127.0.0.1"
    port: int = ETCD_CLIENT_PORT

    @contextmanager
    def client(self, credentials: EtcdCredentials, within: timedelta = _ANSWERS_WITHIN) -> Iterator[EtcdClient]:
        """Give a client of the member."""
        with self.connection.forward(self.address, self.port) as forward:
            target = EtcdTarget(self.connection.host, *forward.address)
            with EtcdClient(target, credentials, within) as client:
                yield client


def _ask(door: MemberRoute, credentials: EtcdCredentials, sighting: ObservedMember) -> ObservedMember:
    try:
        with door.client(credentials) as client:
            known = replace(sighting, status=client.status())
            # A learner tells how it is, and nothing else.
            is_learner = known.status is not None and known.status.is_learner
            return known if is_learner else replace(known, listed=client.members(linearizable=False))
    except WindlassError as error:
        return replace(sighting, reason=str(error))


def _not_seen(observed: Observation) -> tuple[str, ...]:
    """Return the addresses of members that their own hosts told nothing of, or that are on no host of the spec."""
    addresses = {address for member in observed.listed() for address in member.peer_urls} | set(observed.seen)
    unknown = ObservedMember("unknown")
    return tuple(
        sorted(
            address
            for address in addresses
            if (one := observed.seen.get(address, unknown)).process == "unknown" and one.status is None
        )
    )


def _ask_from(
    session: ClusterSession, hosts: Iterable[str], address: str, credentials: EtcdCredentials
) -> ObservedMember:
    """Ask the member at a peer address through hosts whose own members answer, until it answers one of them."""
    asked, reasons = [], []
    for name in hosts:
        try:
            door = MemberRoute(session.connections.get(name), urlsplit(address).hostname or address)
        except WindlassError:
            continue
        sighting = _ask(door, credentials, ObservedMember("unknown"))
        if sighting.status is not None:
            return sighting
        asked.append(name)
        reasons.append(sighting.reason)
    return ObservedMember(
        "unknown", asked_from=frozenset(asked), reason=f"{address}: {'; '.join(reasons) or 'not seen'}"
    )
