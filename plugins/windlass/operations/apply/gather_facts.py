"""Ask all hosts what they are, and what they reach, without changing anything on them."""

from __future__ import annotations

import shlex
import time
from datetime import timedelta

from windlass.domain.host.facts import FACTS_SCRIPT, HostFacts, parse_facts
from windlass.domain.host.preflight import PreflightAnswer
from windlass.domain.scripts.curl import CurlProbe, tell_unreached
from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import Connection
from windlass.operations.cluster import ClusterSession

_TIMEOUT = timedelta(seconds=30)
_CONNECTS, _ANSWERS = timedelta(seconds=3), timedelta(seconds=5)
_UNREACHED = "unreached="
_FSYNC = "fsync_ns="


def gather_facts(connection: Connection) -> HostFacts:
    """Ask one host what it is."""
    return parse_facts(connection.run(["sh", "-s"], sudo=True, stdin=FACTS_SCRIPT.encode(), timeout=_TIMEOUT).stdout)


def ask_hosts(session: ClusterSession) -> dict[str, PreflightAnswer]:
    """Ask every host what it is and what it reaches; a host without an answer gives the reason."""
    outcomes = session.look_on_hosts(session.hosts, lambda host, connection: _ask(session, host, connection))
    return {
        name: outcome.get()
        if outcome.is_ok
        else PreflightAnswer(None, unreachable=str(outcome.error).removeprefix(f"{name}: "))
        for name, outcome in outcomes.items()
    }


def _ask(session: ClusterSession, host: Host, connection: Connection) -> PreflightAnswer:
    before = time.time()
    facts = gather_facts(connection)
    after = time.time()
    # The host looked at its clock some time between the two: only what lies outside of that can be skew.
    skew = facts.epoch - before if facts.epoch < before else max(facts.epoch - after, 0.0)
    result = connection.run(
        ["sh", "-s"], sudo=True, stdin=_surroundings_script(session, host).encode(), timeout=_TIMEOUT
    )
    lines = result.stdout.splitlines()
    fsync = [int(line.removeprefix(_FSYNC)) for line in lines if line.startswith(_FSYNC)]
    return PreflightAnswer(
        facts,
        skew_seconds=skew,
        cannot_reach=tuple(line.removeprefix(_UNREACHED) for line in lines if line.startswith(_UNREACHED)),
        fsync_milliseconds=fsync[0] / 1e6 if fsync else None,
    )


def _surroundings_script(session: ClusterSession, host: Host) -> str:
    """Return a script that tries the SSH port of each other host and the mirror, and for etcd's hosts the disk."""
    port = session.cluster.spec.hosts.ssh.port
    lines = [
        # sshd answers a request that is none of its own at once, which curl takes for bad HTTP: that host is reached.
        tell_unreached(
            CurlProbe(f"http://{other.address}:{port}", _ANSWERS, "connection", connects_within=_CONNECTS),
            f"{_UNREACHED}{other.name} ({other.address}:{port})",
        )
        for other in session.hosts
        if other.name != host.name
    ]
    source = CurlProbe(session.mirror.probe, _ANSWERS, connects_within=_CONNECTS, others=("--location",))
    lines.append(f"( {source} >/dev/null 2>&1 || echo {shlex.quote(f'{_UNREACHED}{_source_of(session)}')} ) &")
    if "etcd" in host.roles:
        lines.append(_FSYNC_SCRIPT)
    return "\n".join([*lines, "wait"]) + "\n"


def _source_of(session: ClusterSession) -> str:
    return (
        f"the mirror at {session.mirror.files}"
        if session.mirror.files
        else f"the official sites ({session.mirror.probe})"
    )


_FSYNC_SCRIPT = f"""file=$(mktemp /var/lib/windlass-preflight.XXXXXX) || exit 0
start=$(date +%s%N)
dd if=/dev/zero of="$file" bs=2k count=20 oflag=dsync status=none
end=$(date +%s%N)
rm -f "$file"
echo "{_FSYNC}$(( (end - start) / 20 ))"
"""
