"""`windlass log`: what was done to a cluster, and why."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from windlass.cli.airflow_access import is_by_airflow, open_client, take_connections
from windlass.cli.connections_option import add_connections_option
from windlass.cli.output_form import JSON, TABLE, YAML, add_output_option, as_document
from windlass.domain.oneline import printable
from windlass.errors import SpecError

if TYPE_CHECKING:
    from windlass.domain.servicelog import Event
    from windlass.effects.store import Store

_PAUSE_SECONDS = 2.0
_MOST = 500
"""Events that the API gives at once."""
_MARKS = {"info": " ", "warning": "!", "error": "✗"}


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass log`."""
    parser = commands.add_parser("log", help="show a cluster's service log: what was done, and why")
    parser.add_argument("cluster")
    parser.add_argument("--lines", type=int, default=50, help="how many of the newest (default: %(default)s)")
    parser.add_argument("--follow", action="store_true", help="go on with what is written from now on")
    add_output_option(parser)
    parser.add_argument("--level", choices=("warning", "error"), help="only these and worse")
    parser.add_argument("--host", help="only what is about this host")
    add_connections_option(parser)
    parser.set_defaults(run=_show)


def _show(arguments: argparse.Namespace) -> int:
    pause = time.sleep if arguments.follow else None
    found = lines_by_airflow if is_by_airflow(arguments.airflow, os.environ) else _lines_of_store
    for line in found(arguments, pause):
        print(line)
        sys.stdout.flush()
    return 0


def lines_by_airflow(arguments: argparse.Namespace, pause: Callable[[float], None] | None) -> Iterator[str]:
    """Yield the lines to show as `lines` does, from Windlass's API in Airflow."""
    from windlass.domain.servicelog import Event

    write = _WRITERS[arguments.output]
    query = {"limit": min(arguments.lines, _MOST), "level": arguments.level or "", "host": arguments.host or ""}
    path, newest = f"clusters/{quote(arguments.cluster, safe='')}", ""
    with open_client(arguments.airflow) as client:
        client.ask_plugin("GET", path)  # which refuses a cluster that is not there
        while True:
            found = client.ask_plugin("GET", f"{path}/log", params={**query, "after": newest})
            yield from (write(one["name"], Event.from_bytes(json.dumps(one).encode())) for one in reversed(found))
            newest = found[0]["name"] if found else newest
            if pause is None:
                return
            pause(_PAUSE_SECONDS)


def _lines_of_store(arguments: argparse.Namespace, pause: Callable[[float], None] | None) -> Iterator[str]:
    take_connections(arguments.airflow)
    # Airflow reads its settings from the environment when it is imported, and no other command should wait for it.
    from windlass.airflow.services import airflow_services

    return lines(airflow_services().store, arguments, pause)


def lines(store: Store, arguments: argparse.Namespace, pause: Callable[[float], None] | None) -> Iterator[str]:
    """Yield the lines to show, oldest first; with `pause`, those that come later too, without end."""
    from windlass.effects.store import ServiceLog, list_clusters

    if arguments.cluster not in list_clusters(store) and not ServiceLog(store, arguments.cluster).newest(1):
        known = ", ".join(list_clusters(store)) or "none"
        raise SpecError(f"the store knows no cluster `{arguments.cluster}` (clusters: {known})")
    write = _WRITERS[arguments.output]
    newest = ""
    while True:
        found = ServiceLog(store, arguments.cluster).entries(newest)
        desired = (entry for entry in found if _is_desired(entry[1], arguments))
        shown = list(desired if newest else itertools.islice(desired, arguments.lines))
        yield from (write(name, event) for name, event in reversed(shown))
        newest = shown[0][0] if shown else newest
        if pause is None:
            return
        pause(_PAUSE_SECONDS)


def _is_desired(event: Event, arguments: argparse.Namespace) -> bool:
    worse = {"warning": {"warning", "error"}, "error": {"error"}}
    is_bad_enough = arguments.level is None or event.level in worse[arguments.level]
    return is_bad_enough and arguments.host in {None, event.host}


def as_text(_: str, event: Event) -> str:
    """Return an event as a line for people."""
    reason = f" ({event.reason})" if event.reason else ""
    time_of_day = f"{event.time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return printable(f"{time_of_day} {_MARKS[event.level]} {event.operation:<16} {event.text}{reason}")


def as_json(name: str, event: Event) -> str:
    """Return an event as a line for programs: one JSON object."""
    return json.dumps(_document(name, event), ensure_ascii=False)


def as_yaml(name: str, event: Event) -> str:
    """Return an event as a YAML document, with what tells it from the next."""
    return f"---\n{as_document(_document(name, event), YAML)}"


def _document(name: str, event: Event) -> dict[str, Any]:
    return {"name": name, **json.loads(event.to_bytes())}


_WRITERS: Mapping[str, Callable[[str, Event], str]] = {TABLE: as_text, JSON: as_json, YAML: as_yaml}
