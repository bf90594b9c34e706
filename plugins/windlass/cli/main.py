"""The command `windlass`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points

from windlass.cli import mirror, spec
from windlass.errors import RefusedError, SpecError, UnreachableError, WindlassError

_EXIT_CODES: tuple[tuple[type[WindlassError], int], ...] = ((SpecError, 2), (RefusedError, 3), (UnreachableError, 4))
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0 done, 1 failed, 2 wrong use, 3 refused, 4 unreachable."""
    parsed = _parser().parse_args(arguments)
    try:
        exit_code: int = parsed.run(parsed)
    except WindlassError as error:
        print(f"windlass: {error}", file=sys.stderr)
        return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), 1)
    except KeyboardInterrupt:
        print("windlass: interrupted; the same command goes on from here", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # whoever read the output has gone; Python would complain about that
        return 1
    return exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="windlass", description="Kubernetes clusters, run by Apache Airflow.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    mirror.add_commands(commands)
    spec.add_commands(commands)
    for entry in sorted(entry_points(group="windlass.commands"), key=lambda found: found.name):
        entry.load()(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
