"""`windlass apply`: bring a cluster to its spec, whatever differs; a cluster that is not there yet is created.

With `-f` it is all clusters whose specs are in a folder.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from windlass.cli.runs import run_operation
from windlass.cli.upgrade import add_rollout_arguments, how_of
from windlass.errors import SpecError
from windlass.operation_names import Operation


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass apply`."""
    parser = commands.add_parser("apply", help="bring a cluster to its spec: hosts, roles, flags, add-ons, all of it")
    parser.add_argument("cluster", nargs="?", default="")
    parser.add_argument(
        "-f",
        "--folder",
        type=Path,
        metavar="DIR",
        help="every spec in the files below this folder; CLUSTER is left out",
    )
    parser.add_argument("--spec", type=Path, metavar="FILE", help="the spec (default: the stored one once more)")
    parser.add_argument(
        "--gone", metavar="HOST", action="append", default=[], help="left the spec and is gone for good"
    )
    parser.add_argument(
        "--accept-new-host-key",
        metavar="HOST",
        action="append",
        default=[],
        help="its machine was reinstalled, and the SSH host key that it shows now is the right one",
    )
    add_rollout_arguments(parser)
    parser.set_defaults(run=_apply)


def _apply(arguments: argparse.Namespace) -> int:
    if arguments.folder is not None:
        from windlass.cli.apply_folder import apply_folder

        return apply_folder(arguments)
    if not arguments.cluster:
        raise SpecError("which cluster? Give its name, or -f with the folder of the specs of all")
    return run_operation(Operation.APPLY, "apply", conf_of(arguments), arguments)


def conf_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the run's params from the command's words."""
    own = {
        "cluster": arguments.cluster,
        "reason": arguments.reason,
        "gone": arguments.gone,
        "accept_new_host_key": arguments.accept_new_host_key,
    }
    return {name: value for name, value in own.items() if value} | how_of(arguments)
