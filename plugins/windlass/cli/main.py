"""The command `windlass`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from windlass.cli.airflow_access import only_embedded
from windlass.domain.oneline import printable
from windlass.errors import WindlassError, exit_code

_INTERRUPTED = 130
_WRONG_USE = 2
_OWN: Mapping[str, str] = {
    "airflow": "airflow_command",
    "apply": "apply",
    "audit": "audit",
    "backup": "backup",
    "catalog": "catalog_command",
    "certificates": "certificates",
    "completion": "completion",
    "credential": "credential_command",
    "delete": "operate:add_delete",
    "diff": "plan:add_diff",
    "heal": "operate:add_heal",
    "health": "clusters:add_health",
    "kubeconfig": "kubeconfig",
    "list": "clusters:add_list",
    "log": "log_command",
    "login": "airflow_login",
    "master-key": "master_key",
    "mirror": "mirror_command",
    "people-key": "people_key",
    "plan": "plan",
    "production": "production_command",
    "rehearse": "operate:add_rehearse",
    "replace": "operate:add_replace",
    "restore": "operate:add_restore",
    "restore-objects": "operate:add_restore_objects",
    "show": "clusters:add_show",
    "spec": "spec_command",
    "store": "store",
    "upgrade": "upgrade",
}
"""Each command of this package, and where it is registered: in a module that loads nothing but what help takes."""
_GROUP = "windlass.commands"
"""Entry points of other packages: a name of a command, and what registers it."""
_EPILOG = "Exit codes: 0 done, 1 failed, 2 wrong use, 3 refused, 4 unreachable or timed out (docs/commands.md)."
_Register = Callable[[Any], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0 done, 1 failed, 2 wrong use, 3 refused, 4 unreachable."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    parsed = make_parser(words).parse_args(words)
    try:
        if getattr(parsed, "airflow", "") is None and (name := only_embedded(os.environ)):
            print(f"windlass: with `--airflow {name}`, the only Airflow that runs here", file=sys.stderr)
            parsed.airflow = name
        code: int = parsed.run(parsed)
    except WindlassError as error:
        print("windlass:", printable(str(error), "\n"), file=sys.stderr)
        return exit_code(error)
    except ModuleNotFoundError as error:
        return _told_missing(error)
    except KeyboardInterrupt:
        print("windlass: interrupted; the same command goes on from here", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # whoever read the output has gone; Python would complain about that
        return 1
    return code


def _told_missing(error: ModuleNotFoundError) -> int:
    """Say how to get what a laptop does without; what is missing of Windlass itself is a mistake of its own."""
    missing = (error.name or "").partition(".")[0]
    if missing.startswith("windlass"):
        raise error
    print(
        f"windlass: this takes the package `{missing}`, which is not installed here: install `windlass[airflow]`, or "
        "name an Airflow that you logged in to (`--airflow URL`), where a worker has it",
        file=sys.stderr,
    )
    return _WRONG_USE


def make_parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """Make the parser of the command that is named, else (for help and mistakes) of all commands.

    The others are not loaded, nor is it looked for what other packages add: that takes longer than a short command.
    """
    parser = argparse.ArgumentParser(
        prog="windlass", description="Kubernetes clusters, run by Apache Airflow.", epilog=_EPILOG
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version of Windlass, and end")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    name = words[0] if words else ""
    if name in _OWN:
        _load_own(name)(commands)
        return parser
    others = installed_commands()
    if name in others:
        others[name]()(commands)
        return parser
    known = others | {one: _loader(one) for one in _OWN}
    for one in sorted(known):
        known[one]()(commands)
    return parser


def installed_commands() -> dict[str, Callable[[], _Register]]:
    """Return what other packages add to `windlass`: a command's name, and what loads it."""
    from importlib.metadata import entry_points

    return {entry.name: entry.load for entry in entry_points(group=_GROUP)}


def _loader(name: str) -> Callable[[], _Register]:
    return lambda: _load_own(name)


def _load_own(name: str) -> _Register:
    from importlib import import_module

    module, _, function = _OWN[name].partition(":")
    register: _Register = getattr(import_module(f"windlass.cli.{module}"), function or "add_commands")
    return register


class _Version(argparse.Action):
    """Shows the version, which is looked for only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"windlass {version('windlass')}")
        except PackageNotFoundError:
            print("windlass, from a checkout that is not installed")
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
