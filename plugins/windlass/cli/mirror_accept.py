"""`windlass mirror accept` and `accepted`: which lock holds for a mirror, whatever the mirror says of itself later."""

from __future__ import annotations

import argparse
import getpass
import os
import platform
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from windlass.cli.connections_option import add_connections_option
from windlass.domain.accepted_lock import AcceptedLock, lock_digest
from windlass.domain.servicelog import Event
from windlass.errors import UNREADABLE

if TYPE_CHECKING:
    from windlass.effects.store import Store
    from windlass.effects.store.accepted_locks import AcceptedLocks

_OPERATION = "windlass mirror accept"


def add_commands(below: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add both to the actions of `windlass mirror`."""
    accepting = below.add_parser("accept", help="let the lock that a mirror offers hold for its clusters from now on")
    accepting.add_argument("mirror", help="base URL of the mirror's files, as specs have it")
    accepting.add_argument("--digest", help="of the lock, unless it was made on this machine: compare it first")
    accepting.set_defaults(run=_accept)
    showing = below.add_parser("accepted", help="show the locks that hold: who accepted them, and when")
    showing.set_defaults(run=_show)
    for part in (accepting, showing):
        add_connections_option(part)


def person() -> str:
    """Return who runs this command, as histories name them."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a number that nobody gave a name, as in some containers
        user = f"uid {os.getuid()}"
    return f"{user}@{platform.node()}"


def _accept(arguments: argparse.Namespace) -> int:
    from windlass.mirror.acceptance import accept_offered, differences  # noqa: PLC0415 (a fill must not wait for it)

    locks, mirror = _locks(arguments), arguments.mirror.rstrip("/")
    before = locks.find(mirror)
    accepted = accept_offered(locks, mirror, arguments.digest, person())
    if before == accepted:
        print(f"mirror: nothing to accept: {lock_digest(accepted.lock)} holds already for {mirror}")
        return 0
    print(f"mirror: {mirror}: {accepted.history[-1]}")
    for line in differences(before, accepted.lock):
        print(f"  {line}")
    tell_clusters(locks.store, accepted)
    return 0


def _show(arguments: argparse.Namespace) -> int:
    for accepted in _locks(arguments).all():
        print(f"{accepted.mirror}: {len(accepted.lock.artifacts)} artifacts of the source `{accepted.lock.source}`")
        for acceptance in accepted.history:
            print(f"  {acceptance}")
    return 0


def tell_clusters(store: Store, accepted: AcceptedLock) -> None:
    """Write the newest change to the service log of each cluster whose spec names the mirror."""
    from windlass.domain.spec import load_cluster  # noqa: PLC0415 (the same)
    from windlass.effects.store import ClusterRecords, ServiceLog, list_clusters  # noqa: PLC0415 (the same)

    change = accepted.history[-1]
    event = Event(datetime.now(UTC), _OPERATION, f"the lock of the mirror {accepted.mirror} is another: {change}")
    for name in list_clusters(store):
        try:
            text = ClusterRecords(store, name).spec()
            artifacts = load_cluster(text, name).spec.artifacts if text is not None else None
        except UNREADABLE:  # one spec that is not readable keeps no other cluster from hearing of it
            continue
        if artifacts is not None and (artifacts.mirror or "").rstrip("/") == accepted.mirror:
            ServiceLog(store, name).append(event, writer="mirror-accept")


def _locks(arguments: argparse.Namespace) -> AcceptedLocks:
    from windlass.cli.airflow_access import take_connections  # noqa: PLC0415 (a fill must not wait for it)

    take_connections(arguments.airflow)
    # Airflow reads its settings from the environment when it is imported, and no other command should wait for it.
    from windlass.airflow.services import airflow_services  # noqa: PLC0415 - see above
    from windlass.effects.store.accepted_locks import AcceptedLocks  # noqa: PLC0415 - see above

    services = airflow_services()
    return AcceptedLocks(services.store, services.keys)
