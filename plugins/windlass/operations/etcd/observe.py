"""Observe etcd: ask each member's host and the member itself, and where the host is silent ask it from others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

from windlass.domain.bounded import read_from
from windlass.domain.etcd.bootstrap import peer_url
from windlass.domain.etcd.membership import EtcdObservation
from windlass.domain.etcd.status import ObservedMember, Process
from windlass.domain.pki import Pki
from windlass.domain.scripts.etcd_member import observe_member_script
from windlass.effects.clock import Clock
from windlass.effects.etcd import EtcdCredentials
from windlass.effects.ssh.connection import Connection
from windlass.errors import UnreachableError, WindlassError
from windlass.operations.cluster import ClusterSession
from windlass.operations.etcd.clients import MemberRoute, etcd_client

_ANSWERS_WITHIN = timedelta(seconds=3)
_SETTLES = timedelta(seconds=10)
"""How long members may be without a leader before that counts: an election takes two seconds on a busy machine."""
_LOOK_AGAIN_SECONDS = 0.5
_ASK_AGAIN = timedelta(seconds=1)
"""What must be left of a member's time to ask it again after a connection broke."""


def observe_etcd(
    session: ClusterSession,
    pki: Pki,
    unreachable: Mapping[str, str] | None = None,
    answers_within: timedelta = _ANSWERS_WITHIN,
) -> EtcdObservation:
    """Return what each member's own host and the member itself say, side by side; a silent host's is unknown.

    Hosts that are known to be `unreachable`, each with the reason, are not waited for again.
    """
    hosts = session.cluster.hosts_with("etcd")
    credentials, silent = EtcdCredentials.of(pki), dict(unreachable or {})
    outcomes = session.observe_on_hosts(
        [host for host in hosts if host.name not in silent],
        lambda _, connection: _observe(
            MemberRoute(connection, open_client=session.clients.etcd), credentials, answers_within
        ),
    )
    silent |= {name: str(outcome.error) for name, outcome in outcomes.items() if not outcome.is_ok}
    observed = {
        peer_url(host): ObservedMember("unknown", reason=silent[host.name])
        if host.name in silent
        else outcomes[host.name].get()
        for host in hosts
    }
    return EtcdObservation({host.name: peer_url(host) for host in hosts}, observed)


def observe_members(session: ClusterSession, pki: Pki, unreachable: Mapping[str, str] | None = None) -> EtcdObservation:
    """Return the same, with what the hosts of other members see of those that their own hosts say nothing of."""
    own = observe_etcd(session, pki, unreachable)
    credentials = EtcdCredentials.of(pki)
    others = {address: _ask_from(session, own.statuses, address, credentials) for address in _unanswered(own)}
    return replace(own, members={**own.members, **others})


def observe_settled(session: ClusterSession, pki: Pki, unreachable: Mapping[str, str] | None = None) -> EtcdObservation:
    """Return the same, `settled`."""
    return settled(lambda: observe_members(session, pki, unreachable), session.clock)


def settled(look: Callable[[], EtcdObservation], clock: Clock) -> EtcdObservation:
    """Return what is seen, for whoever decides by it whether there is quorum: not what is so during an election.

    Where quorum may be there in a moment it is looked at again for 10 s; the last look counts.
    """
    end = clock.monotonic() + _SETTLES.total_seconds()
    while (observed := look()).is_settling and clock.monotonic() < end:
        clock.sleep(_LOOK_AGAIN_SECONDS)
    return observed


def _observe(route: MemberRoute, credentials: EtcdCredentials, within: timedelta) -> ObservedMember:
    observed = _ask_host(route.through)
    if observed.process == "absent":
        return replace(observed, reason=f"{route.through.host}: etcd does not run there")
    asked = _ask(route, credentials, observed, within)
    # Nothing was asked if the host went away meanwhile: then this raises, and the member is unknown.
    return asked if asked.status is not None else replace(_ask_host(route.through), reason=asked.reason)


def _ask_host(connection: Connection) -> ObservedMember:
    said = connection.run_script(observe_member_script(), timeout=timedelta(seconds=20)).stdout
    values = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    processes: dict[str, Process] = {"running": "running", "stopped": "stopped", "absent": "absent"}
    with read_from(f"{connection.host}: what it says of its member", "see what its login shell prints, and look again"):
        return ObservedMember(
            processes.get(values.get("process", ""), "unknown"),
            has_data={"yes": True, "no": False}.get(values.get("data", "")),
            free_bytes=int(values["free"]) * 1024 if values.get("free") else None,
        )


def _ask(
    route: MemberRoute, credentials: EtcdCredentials, observed: ObservedMember, within: timedelta = _ANSWERS_WITHIN
) -> ObservedMember:
    """Ask a member; once more in the time that is left if the connection broke, which says nothing of the member."""
    end, reason = time.monotonic() + within.total_seconds(), ""
    for _ in range(2):
        left = timedelta(seconds=end - time.monotonic())
        if reason and left < _ASK_AGAIN:
            break
        try:
            return _answer(route, credentials, observed, left)
        except UnreachableError as error:
            reason = str(error)
        except WindlassError as error:
            return replace(observed, reason=str(error))
    return replace(observed, reason=reason)


def _answer(
    route: MemberRoute, credentials: EtcdCredentials, observed: ObservedMember, within: timedelta
) -> ObservedMember:
    with etcd_client(route, credentials, within) as client:
        status = client.status()
        # A learner serves its status and refuses the list ("rpc not supported for learner"):
        # https://etcd.io/docs/v3.6/learning/design-learner/, https://github.com/etcd-io/etcd/issues/18801
        # The list is as this member has it: a linearizable one takes a quorum, which may be what is missing.
        listed = () if status.is_learner else client.members(linearizable=False)
    return replace(observed, status=status, listed=listed)


def _unanswered(observation: EtcdObservation) -> tuple[str, ...]:
    """Return the addresses of members that their own hosts said nothing of, or that are on no host of the spec."""
    addresses = {address for member in observation.listed() for address in member.peer_urls} | set(observation.members)
    unknown = ObservedMember("unknown")
    return tuple(
        sorted(
            address
            for address in addresses
            if (one := observation.members.get(address, unknown)).process == "unknown" and one.status is None
        )
    )


def _ask_from(
    session: ClusterSession, hosts: Iterable[str], address: str, credentials: EtcdCredentials
) -> ObservedMember:
    """Ask the member at a peer address through hosts whose own members answer, until it answers one of them."""
    asked, reasons = [], []
    for name in hosts:
        try:
            through, there = session.connections.get(name), urlsplit(address).hostname or address
            route = MemberRoute(through, there, open_client=session.clients.etcd)
        except WindlassError:
            continue
        observed = _ask(route, credentials, ObservedMember("unknown"))
        if observed.status is not None:
            return observed
        asked.append(name)
        reasons.append(observed.reason)
    return ObservedMember(
        "unknown", asked_from=frozenset(asked), reason=f"{address}: {'; '.join(reasons) or 'not asked'}"
    )
