"""A host that carries another cluster's mark is that cluster's, whatever a spec says: no operation works on it."""

from __future__ import annotations

from functools import partial

from windlass.domain.host.layout import CLUSTER_MARK
from windlass.domain.spec.checks.syntax import wrong_label
from windlass.effects.ssh.connection import Connection
from windlass.effects.ssh.pool import Connections
from windlass.errors import ForeignHostError


def admit_own_hosts(connections: Connections, cluster: str) -> None:
    """Have each host's mark read as soon as it is connected to, so that no operation can forget to look at it."""
    connections.admit(partial(refuse_foreign_host, cluster))


def refuse_foreign_host(cluster: str, connection: Connection) -> None:
    """ForeignHostError if the host is marked as another cluster's.

    One without a mark is a new one, and what can be no cluster's name is nobody's mark.
    """
    data = connection.read(CLUSTER_MARK)
    mark = "" if data is None else data.decode(errors="replace").strip()
    if mark != cluster and not wrong_label(mark):
        raise ForeignHostError(connection.host, mark)
