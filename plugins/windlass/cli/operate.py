"""`windlass heal`, `restore`, `restore-objects`, `replace`, `delete`: runs that people start in need."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from windlass.cli.runs import add_run_arguments, run_operation
from windlass.cli.spec_file import read_spec
from windlass.errors import SpecError
from windlass.operation_names import Operation


def add_heal(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass heal`."""
    parser = _add(commands, "heal", "fix what is unhealthy or drifted, and wait until it is healthy")
    parser.add_argument("--finding", help="only this finding of the watch (default: everything that is found now)")
    parser.set_defaults(run=_heal)


def add_restore(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass restore`."""
    parser = _add(commands, "restore", "bring a cluster back from a recovery bundle, after etcd or all hosts were lost")
    parser.add_argument("bundle", nargs="?", default="", help="id, time or newest (default: newest)")
    parser.add_argument("--spec", type=Path, metavar="FILE", help="the whole spec, if the hosts are new ones")
    parser.add_argument("--restore-versions", action="store_true", help="the bundle's Kubernetes and etcd as well")
    parser.add_argument("--approve", action="store_true", help="do not wait for a person")
    parser.add_argument(
        "--overwrite-healthy", action="store_true", help="also a cluster that lives; takes --confirm-name"
    )
    parser.add_argument("--confirm-name", metavar="NAME", help="the cluster's name once more, with --overwrite-healthy")
    parser.set_defaults(run=_restore)


def add_restore_objects(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass restore-objects`."""
    parser = _add(commands, "restore-objects", "bring one namespace or one object back from a recovery bundle")
    parser.add_argument("bundle", nargs="?", default="", help="id, time, newest or newest-proven (default: newest)")
    parser.add_argument("--namespace", metavar="NAME", help="what comes back, or where the one object is")
    parser.add_argument("--kind", help="of one object, such as Deployment")
    parser.add_argument("--name", help="of one object")
    parser.add_argument("--overwrite", action="store_true", help="also what lives and differs")
    parser.add_argument("--approve", action="store_true", help="do not wait for a person")
    parser.set_defaults(run=_restore_objects)


def add_rehearse(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass rehearse`."""
    text = "try an upgrade on a bundle, cut off from the cluster; exit code 3 if anything would not be taken"
    parser = commands.add_parser("rehearse", help=text, description=text)
    parser.add_argument("cluster")
    parser.add_argument("version", help="of Kubernetes, such as v1.37.2")
    parser.add_argument("bundle", nargs="?", default="", help="id, time, newest or newest-proven (default: newest)")
    add_run_arguments(parser)
    parser.set_defaults(run=_rehearse, plan=False)


def add_replace(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass replace`."""
    parser = _add(commands, "replace", "make the etcd member on a host healthy: start it, or replace it")
    parser.add_argument("host", help="as the spec names it")
    parser.set_defaults(run=_replace)


def add_delete(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass delete`."""
    parser = _add(commands, "delete", "take a cluster off its hosts; its backups stay")
    parser.add_argument("--confirm-name", metavar="NAME", required=True, help="the cluster's name once more")
    parser.add_argument("--delete-backups", action="store_true", help="its recovery bundles go as well")
    parser.add_argument("--gone", metavar="HOST", action="append", default=[], help="will never answer again")
    parser.set_defaults(run=_delete)


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.add_argument("cluster")
    parser.add_argument("--plan", action="store_true", help="show what would be done, and change nothing")
    add_run_arguments(parser)
    return parser


def _heal(arguments: argparse.Namespace) -> int:
    return _run(Operation.REMEDIATE, "heal", arguments, {"finding": arguments.finding})


def _restore(arguments: argparse.Namespace) -> int:
    _check_name(arguments)
    own = {
        "bundle": arguments.bundle,
        "spec": read_spec(arguments.spec) if arguments.spec else None,
        "restore_versions": arguments.restore_versions,
        "auto_approve": arguments.approve,
        "overwrite_healthy": arguments.overwrite_healthy,
        "confirm_name": arguments.confirm_name,
    }
    return _run(Operation.RECOVER, "restore", arguments, own)


def _restore_objects(arguments: argparse.Namespace) -> int:
    own = {name: getattr(arguments, name) for name in ("bundle", "namespace", "kind", "name", "overwrite")}
    own["auto_approve"] = arguments.approve
    return _run(Operation.RESTORE_OBJECTS, "restore-objects", arguments, own)


def _rehearse(arguments: argparse.Namespace) -> int:
    own = {"version": arguments.version, "bundle": arguments.bundle}
    return _run(Operation.REHEARSE, "rehearse", arguments, own)


def _replace(arguments: argparse.Namespace) -> int:
    return _run(Operation.REPLACE_MEMBER, "replace", arguments, {"host": arguments.host})


def _delete(arguments: argparse.Namespace) -> int:
    _check_name(arguments)
    own: dict[str, Any] = {"confirm_name": arguments.confirm_name, "gone": arguments.gone}
    keeps = {"keep_backups": False} if arguments.delete_backups else {}
    return _run(Operation.DELETE, "delete", arguments, own, keeps)


def _check_name(arguments: argparse.Namespace) -> None:
    if arguments.confirm_name not in {None, arguments.cluster}:
        raise SpecError(
            f"--confirm-name is `{arguments.confirm_name}`, the cluster is `{arguments.cluster}`; nothing was started"
        )


def _run(
    operation: Operation,
    name: str,
    arguments: argparse.Namespace,
    own: Mapping[str, Any],
    exact: Mapping[str, Any] | None = None,
) -> int:
    """Start a run with the params that the command's words name; `exact` goes along whatever it is."""
    common = {"cluster": arguments.cluster, "reason": arguments.reason, "plan_only": arguments.plan}
    conf = {key: value for key, value in {**common, **own}.items() if value}
    return run_operation(operation, name, conf | dict(exact or {}), arguments)
