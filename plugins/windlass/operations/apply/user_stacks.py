"""The user's own stacks: bring up those that the spec picks, take away those that it no longer does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import partial

from windlass.domain.addresses import host_port
from windlass.domain.host.host_checks import tcp_probe
from windlass.domain.host.layout import stack_directory
from windlass.domain.rendering import HealthCheck, host_stacks, read_health
from windlass.domain.scripts.curl import CurlProbe
from windlass.domain.scripts.user_stacks import ask_tcp_script, remove_others_script
from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import Connection
from windlass.errors import NotReadyError
from windlass.operations.apply.start import bring_up
from windlass.operations.apply.virtual_address import wait_for_one_holder
from windlass.operations.cluster import Changes, ClusterSession, run_script
from windlass.operations.waiting import wait_until

_HEALTHY = timedelta(seconds=60)


def start_own_stacks(session: ClusterSession) -> dict[str, Changes]:
    """Bring the user's own stacks on all hosts to what the spec says, and wait until their health checks pass.

    What was changed by host; the error names host and service.
    """
    if not session.cluster.stacks:
        return remove_other_stacks(session)

    def start(host: Host, connection: Connection) -> Changes:
        own = [stack.name for stack in session.cluster.stacks if stack.runs_on(host)]
        changed = (*remove_others(session, host, connection), *bring_up(connection, own))
        for service, check in _checks(connection, own):
            look = partial(_ask, connection, host, check)
            wait_until(look, _HEALTHY, f"{host.name}: wait for {service}", session.clock)
        return changed

    changed = session.on_hosts("start the user's stacks", session.hosts, start)
    wait_for_one_holder(session)
    return changed


def remove_other_stacks(session: ClusterSession) -> dict[str, Changes]:
    """Take the user's stacks off each host that the spec does not have there (any more); their data stays."""
    return session.on_hosts(
        "remove stacks", session.hosts, lambda host, connection: remove_others(session, host, connection)
    )


def remove_others(session: ClusterSession, host: Host, connection: Connection) -> Changes:
    """Take the user's stacks off a host that the spec does not have there; their data stays."""
    return run_script(connection, remove_others_script(host_stacks(session.cluster, host)))


def _checks(connection: Connection, stacks: Iterable[str]) -> Iterator[tuple[str, HealthCheck]]:
    for stack in stacks:
        compose = connection.read(f"{stack_directory(stack)}/compose.yaml")
        if compose is None:
            raise NotReadyError(f"{connection.host}: stack {stack} was not written; clear the task that prepares hosts")
        yield from read_health(compose.decode()).items()


def _ask(connection: Connection, host: Host, check: HealthCheck) -> str:
    """Look at one service from its own host; what is wrong with it, or an empty text."""
    result = connection.run(probe_argv(check, host.node_address), sudo=True, check=False)
    return "" if result.exit_code == 0 else result.stderr.strip() or f"curl exited {result.exit_code}"


def probe_argv(check: HealthCheck, address: str) -> list[str]:
    """Return the command that asks as `check` says; it exits 0 if the service answers well."""
    where = "127.0.0.1" if check.address == "loopback" else address
    if check.protocol == "tcp":
        return ask_tcp_script(tcp_probe(check, where)).argv_with_text
    method, path = check.request_line.split()[:2]
    return [
        *CurlProbe(
            f"{check.protocol}://{host_port(where, check.port)}{path}",
            check.response_timeout,
            client=check.client_certificate or "",
            is_trusted=check.protocol == "https",
            is_silent=True,
            others=("-X", method),
        ).argv
    ]
