"""`windlass completion`: what a shell completes of this command, written once into its own file."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from windlass.domain.scripts.completion import SHELLS, Completable


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass completion`."""
    text = "print what a shell completes, as in `windlass completion bash > /etc/bash_completion.d/windlass`"
    parser = commands.add_parser("completion", help=text, description=text)
    parser.add_argument("shell", choices=tuple(SHELLS))
    parser.set_defaults(run=_print)


def _print(arguments: argparse.Namespace) -> int:
    from windlass.cli.main import make_parser

    places = tuple(places_of(make_parser([])))
    print(SHELLS[arguments.shell](places))
    return 0


def places_of(parser: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> Iterator[Completable]:
    """Yield each place of a command and of all below it."""
    below: dict[str, argparse.ArgumentParser] = {}
    options: list[str] = []
    for action in parser._actions:  # noqa: SLF001 - argparse tells nobody else what it knows
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - likewise
            below |= action.choices
        options += action.option_strings
    yield Completable(words, tuple(below), tuple(options))
    for name, one in below.items():
        yield from places_of(one, (*words, name))
