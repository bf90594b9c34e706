"""Ask hosts which modules of the kernel they lack, without which a driver of their cluster cannot be."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta

from windlass.domain.scripts.kernel_modules import LACKS, lacking_modules_script
from windlass.domain.spec.drivers import required_modules
from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import Connection
from windlass.operations.cluster import ClusterSession

_TIMEOUT = timedelta(seconds=30)


def lacking_modules(session: ClusterSession, hosts: Iterable[Host]) -> dict[str, Collection[str]]:
    """Return by host what it lacks; nothing where no driver asks, and of hosts that do not answer."""
    modules = required_modules(session.cluster, session.release.drivers)
    nodes = [host for host in hosts if host.is_node] if modules else []

    def ask(_: Host, connection: Connection) -> tuple[str, ...]:
        lines = connection.run_script(lacking_modules_script(modules), timeout=_TIMEOUT).stdout.splitlines()
        return tuple(line.removeprefix(LACKS) for line in lines if line.startswith(LACKS))

    outcomes = session.observe_on_hosts(nodes, ask)
    return {name: outcome.get() for name, outcome in outcomes.items() if outcome.is_ok}
