"""Ask all hosts what they are, and what they reach, without changing anything on them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

from windlass.domain.addresses import host_port
from windlass.domain.bounded import read_from
from windlass.domain.host.facts import HostFacts, parse_facts
from windlass.domain.host.preflight import PreflightAnswer
from windlass.domain.host.reach import needed_ports
from windlass.domain.scripts.facts import facts_script
from windlass.domain.scripts.preflight import FSYNC, UNREACHED, surroundings_script
from windlass.domain.scripts.script import Script
from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import Connection
from windlass.effects.ssh.fan_out import HostOutcome
from windlass.errors import ForeignHostError
from windlass.operations.apply.virtual_address import probe_virtual_address
from windlass.operations.cluster import ClusterSession

_TIMEOUT = timedelta(seconds=30)


def gather_facts(connection: Connection) -> HostFacts:
    """Ask one host what it is."""
    before = time.time()
    facts = parse_facts(connection.run_script(facts_script(), timeout=_TIMEOUT).stdout)
    after = time.time()
    # The host looked at its clock some time between the two: only what lies outside of that can be skew.
    skew = facts.epoch - before if facts.epoch < before else max(facts.epoch - after, 0.0)
    return replace(facts, skew_seconds=skew)


def ask_hosts(
    session: ClusterSession, hosts: Iterable[Host] | None = None, known: Mapping[str, HostFacts] = MappingProxyType({})
) -> dict[str, PreflightAnswer]:
    """Ask `hosts`, or all, what they are and what they reach; a host without an answer gives the reason.

    A host whose facts are `known` is not asked for them again.
    """
    hosts = session.hosts if hosts is None else tuple(hosts)
    outcomes = session.observe_on_hosts(
        hosts, lambda host, connection: _ask(session, host, connection, known.get(host.name))
    )
    answers = {
        name: outcome.get() if outcome.is_ok else _no_answer(name, outcome) for name, outcome in outcomes.items()
    }
    probes = probe_virtual_address(session, [host for host in hosts if answers[host.name].facts is not None])
    return answers | {name: replace(answers[name], address=probe) for name, probe in probes.items()}


def _no_answer(name: str, outcome: HostOutcome[PreflightAnswer]) -> PreflightAnswer:
    owner = outcome.error.cluster if isinstance(outcome.error, ForeignHostError) else ""
    return PreflightAnswer(None, unreachable=str(outcome.error).removeprefix(f"{name}: "), owner=owner)


def _ask(session: ClusterSession, host: Host, connection: Connection, known: HostFacts | None) -> PreflightAnswer:
    facts = known or gather_facts(connection)
    result = connection.run_script(_surroundings(session, host), timeout=_TIMEOUT)
    lines = result.stdout.splitlines()
    with read_from(f"{host.name}: how fast it says that its disk is", "see what its login shell prints"):
        fsync = [int(line.removeprefix(FSYNC)) for line in lines if line.startswith(FSYNC)]
    return PreflightAnswer(
        facts,
        cannot_reach=tuple(line.removeprefix(UNREACHED) for line in lines if line.startswith(UNREACHED)),
        fsync_milliseconds=fsync[0] / 1e6 if fsync else None,
    )


def _surroundings(session: ClusterSession, host: Host) -> Script:
    """Return a script that tries what the host needs of others and of the mirror, and for a host of etcd the disk."""
    mirror = session.mirror
    others = {
        f"the {what} of {one.name}": host_port(one.node_address, port)
        for one in session.hosts
        if one.name != host.name
        for port, what in needed_ports(host, one).items()
    }
    source = f"the mirror at {mirror.files}" if mirror.files else f"the official sites ({mirror.probe})"
    return surroundings_script(
        others, {source: mirror.probe}, has_etcd="etcd" in host.roles, is_outside=not mirror.files
    )
