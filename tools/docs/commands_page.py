"""The reference of all commands, as the parser of `windlass` has them."""

from __future__ import annotations

import argparse
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field

from tools.docs.site import ROOT

from windlass.cli.main import make_parser

_HEAD = (
    "# Commands: all arguments and options",
    "",
    "Which right each command takes, where it runs, and exit codes: [commands.md](../commands.md). All have `--help`.",
    "",
    "This page is made by `make docs-reference`.",
)


@dataclass(frozen=True, order=True)
class _Command:
    """A command that can be run."""

    words: tuple[str, ...]
    about: str
    parser: argparse.ArgumentParser = field(compare=False)


def commands_page() -> str:
    """Return the page of every command that can be run, in the order of their names."""
    sections = (section for command in sorted(_below(make_parser([]), (), "")) for section in _section(command))
    return "\n".join((*_HEAD, *sections)) + "\n"


def _below(parser: argparse.ArgumentParser, words: tuple[str, ...], about: str) -> Iterator[_Command]:
    if parser.get_default("run"):
        yield _Command(words, parser.description or about, parser)
    for action in parser._actions:  # noqa: SLF001 - argparse tells nobody else what it knows
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - likewise
            helps = {one.dest: one.help or "" for one in action._choices_actions}  # noqa: SLF001 - likewise
            for name, one in action.choices.items():
                yield from _below(one, (*words, name), helps.get(name, ""))


def _section(command: _Command) -> Iterator[str]:
    parser = command.parser
    yield from ("", f"## windlass {' '.join(command.words)}", "", _cell(_sentence(command.about)))
    rows = [_row(action, parser) for action in parser._actions if _is_own(action)]  # noqa: SLF001 - likewise
    if rows:
        yield from ("", "| argument | meaning |", "|---|---|", *rows)


def _is_own(action: argparse.Action) -> bool:
    hidden = action.help == argparse.SUPPRESS
    return not hidden and not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)  # noqa: SLF001


def _row(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    formatter = parser._get_formatter()  # noqa: SLF001 - likewise
    value = formatter._format_args(action, formatter._get_default_metavar_for_optional(action))  # noqa: SLF001 - likewise
    shown = f"{', '.join(action.option_strings)} {value}".strip() if action.option_strings else _positional(action)
    needed = "**Required.** " if action.option_strings and action.required else ""
    about = formatter._expand_help(_anywhere(action)) if action.help else ""  # noqa: SLF001 - likewise
    return f"| `{_cell(shown)}` | {needed}{_cell(_sentence(about))} |"


def _anywhere(action: argparse.Action) -> argparse.Action:
    """Return an action whose default is the same whoever runs this, and in whichever checkout."""
    shown = copy.copy(action)
    if action.dest == "user":
        shown.default = "your name on this machine"
    elif str(action.default).startswith(str(ROOT)):
        shown.default = str(action.default).removeprefix(f"{ROOT}/")
    return shown


def _positional(action: argparse.Action) -> str:
    name = "{" + ",".join(action.choices) + "}" if action.choices else str(action.metavar or action.dest)
    if action.nargs in ("?", "*"):
        return f"[{name}]" if action.nargs == "?" else f"[{name} ...]"
    return f"{name} ..." if action.nargs == "+" else name


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return f"{text[:1].upper()}{text[1:]}{'' if not text or text.endswith('.') else '.'}"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
