"""The stacks as they lie on the hosts of etcd and the control plane."""

from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Mapping
from datetime import timedelta

from windlass.domain.host.layout import STACKS
from windlass.domain.scripts.backup import pack_stacks_script
from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import Connection
from windlass.errors import IntegrityError
from windlass.operations.cluster import ClusterSession

_TIMEOUT = timedelta(seconds=15)


def stacks_on_hosts(session: ClusterSession) -> Mapping[str, Mapping[str, bytes]]:
    """Return what lies below the directory of stacks, by host and path; hosts that do not answer are passed over.

    Only the hosts of etcd and the control plane are asked: what lies on the others follows from the spec, and a backup
    of a large cluster should not wait for each of its workers.
    """
    hosts = [host for host in session.hosts if {"etcd", "control-plane"} & set(host.roles)]
    outcomes = session.try_on_hosts(hosts, _stacks)
    return {name: outcome.get() for name, outcome in outcomes.items() if outcome.is_ok}


def _stacks(host: Host, connection: Connection) -> Mapping[str, bytes]:
    packed = connection.run_script(pack_stacks_script(), timeout=_TIMEOUT).stdout
    try:
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(packed, validate=True))) as archive:
            files = [(member.name, archive.extractfile(member)) for member in archive if member.isfile()]
            return {f"{STACKS}/{name.removeprefix('./')}": file.read() for name, file in files if file is not None}
    except (ValueError, tarfile.TarError) as error:
        raise IntegrityError(f"{host.name}: the stacks below {STACKS} could not be read: {error}") from error
