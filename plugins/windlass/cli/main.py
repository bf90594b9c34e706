"""The command `windlass`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

from windlass.domain.oneline import printable
from windlass.errors import WindlassError, exit_code

_INTERRUPTED = 130
_GROUP = "windlass.commands"
_OWN = (
    EntryPoint("apply", "windlass.cli.apply:add_commands", _GROUP),
    EntryPoint("audit", "windlass.cli.audit:add_commands", _GROUP),
    EntryPoint("certificates", "windlass.cli.certificates:add_commands", _GROUP),
    EntryPoint("credential", "windlass.cli.credential:add_commands", _GROUP),
    EntryPoint("login", "windlass.cli.airflow_login:add_commands", _GROUP),
    EntryPoint("master-key", "windlass.cli.master_key:add_commands", _GROUP),
    EntryPoint("mirror", "windlass.cli.mirror:add_commands", _GROUP),
    EntryPoint("people-key", "windlass.cli.people_key:add_commands", _GROUP),
    EntryPoint("plan", "windlass.cli.plan:add_commands", _GROUP),
    EntryPoint("spec", "windlass.cli.spec:add_commands", _GROUP),
    EntryPoint("store", "windlass.cli.store:add_commands", _GROUP),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0 done, 1 failed, 2 wrong use, 3 refused, 4 unreachable."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    parsed = _parser(words).parse_args(words)
    try:
        code: int = parsed.run(parsed)
    except WindlassError as error:
        print("windlass:", printable(str(error), "\n"), file=sys.stderr)
        return exit_code(error)
    except KeyboardInterrupt:
        print("windlass: interrupted; the same command goes on from here", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # whoever read the output has gone; Python would complain about that
        return 1
    return code


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """Make the parser of the command that is named, else (for help and mistakes) of all commands.

    An entry point is named as its command. The others are not loaded: some take longer than a short command does.
    """
    parser = argparse.ArgumentParser(prog="windlass", description="Kubernetes clusters, run by Apache Airflow.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    known = {entry.name: entry for entry in (*_OWN, *entry_points(group=_GROUP))}
    named = [known[words[0]]] if words and words[0] in known else sorted(known.values(), key=lambda entry: entry.name)
    for entry in named:
        entry.load()(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
