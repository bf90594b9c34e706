"""The API's virtual address: whether it is free before anything is changed, and that one host holds it afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from windlass.domain.host.virtual_address import AddressProbe, holder_problem
from windlass.domain.scripts.virtual_address import (
    ANSWERS,
    HEARD,
    HOLDS,
    LISTENED,
    answering_script,
    hearing_script,
    holder_script,
)
from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import Connection
from windlass.operations.cluster import ClusterSession
from windlass.operations.waiting import wait_until

_ANSWERS = timedelta(seconds=30)
_HELD = timedelta(seconds=30)


def probe_virtual_address(session: ClusterSession, hosts: Iterable[Host]) -> dict[str, AddressProbe]:
    """Return what those of `hosts` that are to hold the virtual address find out about it, all at the same time.

    Nothing where the spec has none, and of hosts that do not answer.
    """
    address = session.cluster.spec.api.virtual_address
    if address is None:
        return {}
    planes = [host for host in hosts if "control-plane" in host.roles]

    def probe(host: Host, connection: Connection) -> AddressProbe:
        others = [one.node_address for one in planes if one != host]
        hears = _hears(connection, host.node_address, others) if others else None
        found = connection.run_script(answering_script(address), timeout=_ANSWERS).stdout.splitlines()
        return AddressProbe(next(_after(ANSWERS, found), ""), hears)

    outcomes = session.observe_on_hosts(planes, probe)
    return {name: outcome.get() for name, outcome in outcomes.items() if outcome.is_ok}


def _hears(connection: Connection, own: str, others: Sequence[str]) -> frozenset[str] | None:
    said = connection.run_script(hearing_script(own, others), timeout=_ANSWERS).stdout.splitlines()
    return frozenset(_after(HEARD, said)) if list(_after(LISTENED, said)) else None


def _after(start: str, lines: Iterable[str]) -> Iterator[str]:
    """Yield what follows `start` in the lines that begin with it."""
    return (line.removeprefix(start) for line in lines if line.startswith(start))


def wait_for_one_holder(session: ClusterSession) -> None:
    """Wait until one control-plane host alone holds the virtual address, where the spec has one.

    NotReadyError names those that hold it both. Hosts that do not answer are not asked: who holds it moved on.
    """
    address = session.cluster.spec.api.virtual_address
    if address is not None:
        what = f"the virtual address {address}"
        wait_until(lambda: holder_problem(address, holders(session, address)), _HELD, what, session.clock)


def holders(session: ClusterSession, address: str) -> dict[str, str]:
    """Return the interface on which each control-plane host that holds `address` has it."""

    def look(_: Host, connection: Connection) -> str:
        said = connection.run_script(holder_script(address), timeout=_ANSWERS).stdout.splitlines()
        return next(_after(HOLDS, said), "")

    hosts = session.cluster.hosts_with("control-plane")
    outcomes = session.observe_on_hosts(hosts, look)
    return {name: outcome.get() for name, outcome in outcomes.items() if outcome.is_ok and outcome.get()}
