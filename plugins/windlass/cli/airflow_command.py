"""`windlass airflow`: an Airflow of one's own, for the demo, for tests and for trying things out."""

from __future__ import annotations

import argparse
import json
import signal
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from windlass.cli.embedded.layout import Home, Settings
from windlass.effects.packaged import dags_directory
from windlass.errors import SpecError

DEFAULT_NAME = "main"


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass airflow` and all below it."""
    parser = commands.add_parser("airflow", help="an Airflow of one's own on this machine", description=__doc__)
    parts = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_up(parts)
    ending = parts.add_parser("down", help="stop all of its processes, and no others")
    ending.add_argument("--purge", action="store_true", help="delete its database, secrets and logs as well")
    ending.set_defaults(run=_down)
    showing = parts.add_parser("status", help="show whether it runs, its address and its login")
    showing.add_argument("--json", action="store_true", help="as JSON, without the password")
    showing.set_defaults(run=_status)
    for part in parts.choices.values():
        part.add_argument("--name", default=DEFAULT_NAME, help=f"which one (default: {DEFAULT_NAME})")
    folder = parts.add_parser("dags", help="print the folder of Windlass's DAG files, for an Airflow that has its own")
    folder.set_defaults(run=_print_dags)


def _print_dags(_: argparse.Namespace) -> int:
    print(dags_directory())
    return 0


def _add_up(parts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    starting = parts.add_parser("up", help="start it and wait until all of its components are healthy")
    starting.add_argument("--foreground", action="store_true", help="stay, and stop it at Ctrl-C or SIGTERM")
    starting.add_argument("--dags", type=Path, default=Settings().dags, help="folder of DAG files")
    starting.add_argument(
        "--connections", type=Path, help='file with JSON: {"connection_id": {"conn_type": …, …}, …}; mode 0600'
    )
    starting.add_argument("--parallelism", type=int, default=Settings().parallelism, help="tasks at once (default: 8)")
    starting.set_defaults(run=_up)


def _up(arguments: argparse.Namespace) -> int:
    from windlass.cli.embedded.instance import down, up

    home = Home.of(arguments.name)
    connections = read_connections(arguments.connections) if arguments.connections else {}
    settings = Settings(arguments.dags.resolve(), connections=connections, parallelism=arguments.parallelism)
    asked_to_end = _catch_signals() if arguments.foreground else None
    running = up(home, settings, on_progress=print)
    print(_describe(home, running.url))
    if asked_to_end:
        asked_to_end.wait()
        down(home)
        print("stopped")
    return 0


def _catch_signals() -> threading.Event:
    asked_to_end = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked_to_end.set())
    return asked_to_end


def read_connections(file: Path) -> Mapping[str, str]:
    """Read a file of connections; SpecError if others may read it or it holds something else."""
    if file.stat().st_mode & 0o077:
        raise SpecError(f"{file}: others may read it, and connections hold secrets; chmod 600 {file}")
    content = json.loads(file.read_text())
    if not isinstance(content, dict) or not all(isinstance(value, dict) for value in content.values()):
        raise SpecError(f'{file}: expected {{"connection_id": {{"conn_type": …}}, …}}')
    return {name: json.dumps(value) for name, value in content.items()}


def _down(arguments: argparse.Namespace) -> int:
    from windlass.cli.embedded.instance import down

    found = down(Home.of(arguments.name), purge=arguments.purge)
    print("stopped" if found else "nothing was running")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    from windlass.cli.embedded.instance import status

    home = Home.of(arguments.name)
    running = status(home)
    if arguments.json:
        print(json.dumps(asdict(running) if running else None))
    else:
        print(_describe(home, running.url) if running else f"no Airflow called {arguments.name} is running")
    return 0 if running else 1


def _describe(home: Home, url: str) -> str:
    from windlass.cli.embedded.secret_files import login

    user, password = login(home)
    return f"Airflow: {url}  user: {user}  password: {password}\nlogs: {home.logs}"
