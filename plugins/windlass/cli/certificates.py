"""`windlass certificates`: every certificate and key of a cluster, until when it is valid, and where it is used."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from windlass.cli.airflow_access import take_connections
from windlass.cli.connections_option import add_connections_option
from windlass.errors import SpecError

if TYPE_CHECKING:
    from windlass.domain.pki.calendar import CalendarEntry
    from windlass.domain.pki.model import Pki


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass certificates`."""
    parser = commands.add_parser("certificates", help="list the certificates of a cluster with their ends")
    parser.add_argument("cluster")
    parser.add_argument("--within", type=int, metavar="DAYS", help="only those that end within so many days")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_connections_option(parser)
    parser.set_defaults(run=_show)


def _show(arguments: argparse.Namespace) -> int:
    take_connections(arguments.airflow)
    # Airflow reads its settings from the environment when it is imported, and no other command should wait for it.
    from windlass.airflow.services import airflow_services  # noqa: PLC0415 - see above
    from windlass.effects.store import ClusterRecords  # noqa: PLC0415 - see above

    services = airflow_services()
    pki = ClusterRecords(services.store, arguments.cluster).pki(services.keys)
    if pki is None:
        raise SpecError(f"the store has no certificates of a cluster `{arguments.cluster}`; see `windlass apply`")
    print(listed(pki, datetime.now(UTC), within=arguments.within, as_json=arguments.json))
    return 0


def listed(pki: Pki, now: datetime, *, within: int | None = None, as_json: bool = False) -> str:
    """Return the certificates and keys of a PKI as lines for people, or as JSON; no key is in either."""
    from windlass.domain.pki.calendar import calendar  # noqa: PLC0415 - other commands need not wait for it

    entries = [one for one in calendar(pki) if _is_within(one.days_left(now), within)]
    if as_json:
        return json.dumps({"certificates": [one.value(now) for one in entries], "rotations": _rotations(pki)}, indent=1)
    return "\n".join([*_table(entries, now), *_told(pki)])


def _is_within(days: int | None, within: int | None) -> bool:
    return within is None or (days is not None and days <= within)


def _table(entries: Iterable[CalendarEntry], now: datetime) -> Iterator[str]:
    yield f"{'NAME':<36} {'DAYS':>6}  {'NOT AFTER':<17}  {'ISSUER':<44}  USED"
    for one in entries:
        days, ends = one.days_left(now), f"{one.not_after:%Y-%m-%d %H:%MZ}" if one.not_after else "-"
        used = one.used if one.state == "in use" else f"{one.used} ({one.state})"
        yield f"{one.name:<36} {'-' if days is None else days:>6}  {ends:<17}  {one.issuer or '-':<44}  {used}"


def _rotations(pki: Pki) -> dict[str, Any]:
    return {
        what.value: {"phase": rotation.phase.value, "since": rotation.since.isoformat()}
        for what, rotation in pki.rotations.items()
    }


def _told(pki: Pki) -> Iterator[str]:
    for what, rotation in pki.rotations.items():
        yield f"{what.value} is being changed: phase {rotation.phase.value} since {rotation.since:%Y-%m-%d %H:%MZ}"
