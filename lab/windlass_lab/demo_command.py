"""The command `windlass demo`."""

from __future__ import annotations

import argparse

DEFAULT_VERSION = "v1.37.2"
_MOST_WORKERS = 9


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass demo` and `windlass demo down`."""
    parser = commands.add_parser("demo", help="a lab, an Airflow and a Kubernetes cluster on this machine")
    parser.add_argument("--version", default=DEFAULT_VERSION, help="of Kubernetes (default: %(default)s)")
    parser.add_argument(
        "--workers", type=int, choices=range(1, _MOST_WORKERS + 1), default=1, help="how many (default: %(default)s)"
    )
    parser.set_defaults(run=_run)
    ending = parser.add_subparsers(metavar="ACTION").add_parser("down", help="stop the demo and remove what it made")
    ending.set_defaults(run=_remove)


def _run(arguments: argparse.Namespace) -> int:
    from windlass_lab import demo

    return demo.run(arguments.version, arguments.workers)


def _remove(_arguments: argparse.Namespace) -> int:
    from windlass_lab import demo

    return demo.remove()
