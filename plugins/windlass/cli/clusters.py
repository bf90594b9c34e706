"""`windlass list`, `show` and `health`: the clusters that you may see, as Airflow's pages have them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from windlass.cli.airflow_access import HELP, open_client
from windlass.cli.output_form import add_output_option, show_document, table

_HEALTHY = "healthy"
_HOUR, _DAY = 3600, 86400


def add_list(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass list`."""
    parser = commands.add_parser("list", help="list all clusters, and how each stands")
    _add_common(parser)
    parser.set_defaults(run=_list)


def add_show(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass show`."""
    parser = commands.add_parser("show", help="show a cluster: hosts, health, backups, what is at work, upgrades")
    parser.add_argument("cluster")
    _add_common(parser)
    parser.set_defaults(run=_show)


def add_health(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass health`."""
    parser = commands.add_parser(
        "health", help="show each component of a cluster; fails (exit code 1) unless the cluster is healthy"
    )
    parser.add_argument("cluster")
    _add_common(parser)
    parser.set_defaults(run=_health)


def _add_common(parser: argparse.ArgumentParser) -> None:
    add_output_option(parser)
    parser.add_argument("--airflow", metavar="NAME", help=HELP)


def _list(arguments: argparse.Namespace) -> int:
    with open_client(arguments.airflow) as client:
        found: list[dict[str, Any]] = client.ask_plugin("GET", "clusters")
    show_document(found, arguments.output, lambda: list_lines(found))
    return 0


def _show(arguments: argparse.Namespace) -> int:
    found = _overview(arguments)
    show_document(found, arguments.output, lambda: overview_lines(found))
    return 0


def _health(arguments: argparse.Namespace) -> int:
    found = _overview(arguments)
    kept = ("name", "standing", "observed", "hosts", "addons", "findings", "alerts")
    document = {key: found.get(key) for key in kept}
    show_document(document, arguments.output, lambda: health_lines(found))
    return 0 if found.get("standing") == _HEALTHY else 1


def _overview(arguments: argparse.Namespace) -> dict[str, Any]:
    with open_client(arguments.airflow) as client:
        found: dict[str, Any] = client.ask_plugin("GET", f"clusters/{quote(arguments.cluster, safe='')}")
    return found


def list_lines(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return clusters as a table; one that the store cannot tell of has the reason in its row."""
    if not found:
        return ["there is no cluster that you may see; `windlass apply NAME --spec FILE` creates one"]
    head = ("NAME", "STANDING", "VERSION", "TOPOLOGY", "HOSTS", "HEALTHY", "BACKUP", "AT WORK")
    return table(head, [_row(one) for one in found])


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    if "error" in one:
        return (str(one["name"]), f"unknown: {one['error']}", *[""] * 6)
    services, operation = one["services"], one["operation"] or {}
    return (
        str(one["name"]),
        str(one["standing"]),
        str(one["version"]),
        str(one["topology"]),
        str(len(one["hosts"])),
        f"{services['healthy']}/{services['wanted']}",
        _backup(one["backup"]),
        str(operation.get("operation", "")),
    )


def _backup(backup: Mapping[str, Any]) -> str:
    if backup["newest"] is None:
        return "none"
    is_proven = backup["proven"] == backup["newest"]
    return f"{age(int(backup['age_seconds']))} old, {'proven' if is_proven else 'not proven'}"


def age(seconds: int) -> str:
    """Return a time in the unit that says most."""
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def overview_lines(found: Mapping[str, Any]) -> list[str]:
    """Return a cluster for people."""
    operation, backups, services = found["operation"], found["backup"], found["services"]
    upgrades = ", ".join(found["upgrades"]) or "nothing newer"
    lines = [
        f"{found['name']}: {found['standing']}",
        f"Kubernetes {found['version']}, {found['topology']}; upgrades to {upgrades}",
        f"observed {found['observed'] or 'never'}; components: {services['healthy']} of {services['wanted']} healthy",
        f"backups: {backups['count']}; newest {backups['newest'] or 'none'} ({_backup(backups)})",
        f"newest backup that a drill restored: {backups['proven'] or 'none'}",
    ]
    if operation:
        lines.append(f"at work: {operation['operation']}, run {operation['run_id']}")
    return [*lines, *_needs(found), *table(("HOST", "ADDRESS", "ROLES", "HEALTHY"), map(_host, found["hosts"]))]


def _host(host: Mapping[str, Any]) -> tuple[str, ...]:
    services = host["services"].values()
    healthy = sum(one["status"] == _HEALTHY for one in services)
    return str(host["name"]), str(host["address"]), ",".join(host["roles"]), f"{healthy}/{len(services)}"


def health_lines(found: Mapping[str, Any]) -> list[str]:
    """Return each component with what was observed of it, and what needs somebody."""
    rows = [*_components("-", found["addons"])]
    for host in found["hosts"]:
        rows += _components(str(host["name"]), host["services"])
    return [
        f"{found['name']}: {found['standing']}; observed {found['observed'] or 'never'}",
        *_needs(found),
        *table(("HOST", "COMPONENT", "STATUS", "SINCE", "OBSERVED"), rows),
    ]


def _components(host: str, services: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    for name, one in services.items():
        evidence = str(one.get("evidence") or "")
        yield host, name, str(one["status"]), str(one.get("since") or ""), evidence


def _needs(found: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"needs help: {one['text']}" for one in found["alerts"])
    yield from (f"found: {_text(one)}" for one in found["findings"])


def _text(finding: Any) -> str:
    known = [str(finding[key]) for key in ("host", "component", "text", "evidence") if finding.get(key)]
    return " ".join(known)
