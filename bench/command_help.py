"""What `windlass COMMAND --help` costs: processor time of the slowest of all commands, the list of all included."""

from __future__ import annotations

import resource
from collections.abc import Iterator, Sequence

from bench.catalog import benchmark
from bench.figure import Bar, Figure
from bench.workbench import Workbench
from windlass.cli.completion import places_of
from windlass.cli.main import make_parser

ROUNDS = 3


@benchmark("command_help_s")
def measure(bench: Workbench) -> Iterator[Figure]:
    """Ask each command for its help once, untimed, then time all of them again."""
    everything = next(places_of(make_parser([])))
    every = ([], *([name] for name in everything.commands))
    for words in every:
        _processor_seconds(bench, words)
    runs = tuple(max(_processor_seconds(bench, words) for words in every) for _ in range(ROUNDS))
    yield Figure("command_help_s", "s", runs, Bar(0.5, may_equal=True))


def _processor_seconds(bench: Workbench, words: Sequence[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    bench.windlass(*words, "--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
