"""The stacks as they lie on the hosts of etcd and the control plane."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import timedelta

from windlass.domain.bounded import read_from
from windlass.domain.host.layout import STACKS
from windlass.domain.rendering.stacks import OWN_STACKS
from windlass.domain.scripts.backup import pack_stacks_script
from windlass.domain.scripts.script import Script
from windlass.domain.spec.models import Cluster, Host
from windlass.domain.spec.references import references_in
from windlass.effects.archives import open_tar
from windlass.effects.ssh.connection import Connection
from windlass.operations.cluster import ClusterSession

_TIMEOUT = timedelta(seconds=15)
MOST_BYTES = 32 * 1024 * 1024
"""Of the stacks on a host: Compose files and what they mount, which are some ten kilobytes, and the user's own."""


def stacks_on_hosts(session: ClusterSession) -> Mapping[str, Mapping[str, bytes]]:
    """Return what lies below the directory of stacks, by host and path; hosts that do not answer are passed over.

    Only the hosts of etcd and the control plane are asked: what lies on the others follows from the spec, and a backup
    of a large cluster should not wait for each of its workers.
    """
    hosts = [host for host in session.hosts if {"etcd", "control-plane"} & set(host.roles)]
    script = pack_stacks_script(_packed_stacks(session.cluster))
    outcomes = session.try_on_hosts(hosts, lambda host, connection: _stacks(host, connection, script))
    return {name: outcome.get() for name, outcome in outcomes.items() if outcome.is_ok}


def _packed_stacks(cluster: Cluster) -> list[str]:
    """Return the stacks to back up: of those with secrets that the spec refers to, the references are kept with it."""
    private = {path[2] for path, _ in references_in(cluster) if path[:2] == ("spec", "stacks")}
    return sorted({*OWN_STACKS, *(one.name for index, one in enumerate(cluster.stacks) if index not in private)})


def _stacks(host: Host, connection: Connection, script: Script) -> Mapping[str, bytes]:
    packed, where = connection.run_script(script, timeout=_TIMEOUT).stdout, f"{host.name}: {STACKS}"
    with read_from(where, "see what its login shell prints, and take the backup again"):
        archive = base64.b64decode(packed, validate=True)
    with open_tar(archive, MOST_BYTES, f"{where}, as the host sent it,") as entries:
        return {
            f"{STACKS}/{entry.name.removeprefix('./')}": entries.read() for entry in entries if entry.kind == "file"
        }
