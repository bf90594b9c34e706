"""Each command line of the documentation is one that the parser takes; `make` targets and params of runs are there."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest
from markdown_it import MarkdownIt
from tools.docs.site import pages

from windlass.cli.main import make_parser

from .pages import ROOT, code, rows, sections

MADE = {"docs/reference/commands.md", "docs/reference/params.md", "docs/spec.md"}
"""Pages that the code makes: whatever they say is so."""
PAGES = [page for page in pages() if page not in MADE and not page.startswith(("docs/decisions/", "CHANGELOG"))]
MARKDOWN = MarkdownIt("commonmark").enable("table")
SHELL = {"sh", "bash", "console"}
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
PARAMS = {
    dag: {name for cells in rows(text) for name in code(cells[0])}
    for dag, text in sections(ROOT / "docs" / "reference" / "params.md").items()
}
_START = re.compile(r"(?:^|[;&|(]\s*|\$ )(?:\.venv/bin/)?(windlass|make) ")
_END = re.compile(r"\s#.*$|\s*(?:\||>|&&|;|&(?!&)|\)).*$")
_RUN = re.compile(r"/dags/(\w+)/dagRuns[^/].*?-d ['\"](\{.*?\})['\"]\s*$", re.DOTALL | re.MULTILINE)


class WrongUseError(Exception):
    """What the parser says of a command line."""


def fences(page: str) -> Iterator[str]:
    for token in MARKDOWN.parse((ROOT / page).read_text(encoding="utf-8")):
        if token.type == "fence" and token.info in SHELL:
            yield token.content


def lines(page: str) -> Iterator[str]:
    """Yield each command line of `windlass` and of `make` in a page's fences of shell, without what is around it."""
    for text in fences(page):
        for line in text.replace("\\\n", " ").splitlines():
            if found := _START.search(line):
                yield _END.sub("", line[found.start(1) :])


def mentions(page: str) -> Iterator[str]:
    """Yield each command that is named within a text."""
    for token in MARKDOWN.parse((ROOT / page).read_text(encoding="utf-8")):
        for child in token.children or ():
            if child.type == "code_inline" and child.content.startswith(("windlass ", "make ")):
                yield child.content


@cache
def parser_of(word: str) -> argparse.ArgumentParser:
    return make_parser([word])


def check_line(line: str) -> None:
    """Fail unless the line is taken as it stands; what is in brackets may be left out, and is there."""
    if line.startswith("make "):
        check_target(line)
        return
    words = shlex.split(re.sub(r"[\[\]]", "", line))[1:]
    parser_of(words[0] if not words[0].startswith("-") else "").parse_args(words)


def check_mention(text: str) -> None:
    """Fail unless the command is there, and each option that is named is one of its own."""
    if text.startswith("make "):
        check_target(text)
        return
    words = re.sub(r"[\[\]…]", "", text.partition(" | ")[0].partition(" > ")[0]).split()[1:]
    if not words or words[0].isupper():
        return
    parser, options = parser_of(words[0]), {"--help", "--version"}
    for word in words:
        below = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
        if word.startswith("-"):
            options |= {option for action in parser._actions for option in action.option_strings}
            if word.partition("=")[0] not in options:
                raise WrongUseError(f"`{text}`: {parser.prog} has no {word}")
        elif below and word in below[0].choices:
            parser = below[0].choices[word]
        elif below and below[0].required and not word.isupper():
            raise WrongUseError(f"`{text}`: {parser.prog} has no {word}")


def check_target(text: str) -> None:
    words = [word for word in shlex.split(text)[1:] if "=" not in word]
    if unknown := [word for word in words if word not in TARGETS]:
        raise WrongUseError(f"`{text}`: the Makefile has no {', '.join(unknown)}")


@pytest.fixture(autouse=True)
def parser_that_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def error(parser: argparse.ArgumentParser, message: str) -> NoReturn:
        raise WrongUseError(f"{parser.prog}: {message}")

    monkeypatch.setattr(argparse.ArgumentParser, "error", error)


@pytest.mark.parametrize("page", PAGES)
def test_each_command_of_a_page_is_one_that_there_is(page: str) -> None:
    wrong = []
    for check, found in ((check_line, lines(page)), (check_mention, mentions(page))):
        for text in found:
            try:
                check(text)
            except (WrongUseError, ValueError) as error:
                wrong.append(f"{text}: {error}")
    assert wrong == []


@pytest.mark.parametrize("page", PAGES)
def test_each_run_by_rest_is_of_a_dag_and_has_params_that_it_takes(page: str) -> None:
    for text in fences(page):
        for dag, body in _RUN.findall(text):
            conf = json.loads(body)["conf"]
            assert conf.keys() <= PARAMS[dag], f"{dag} has no {conf.keys() - PARAMS[dag]}"


def test_the_pages_have_commands_and_runs() -> None:
    assert sum(len([*lines(page), *mentions(page)]) for page in PAGES) > 200
    assert sum(len(_RUN.findall(text)) for page in PAGES for text in fences(page)) >= 3


@pytest.mark.parametrize(
    "line",
    [
        "windlass no-such",
        "windlass replace demo",
        "windlass log demo --lines many",
        "windlass backup list demo --all",
        "make no-such",
    ],
)
def test_a_line_that_is_wrong_is_noticed(line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(f"```sh\nexport A=b\n{line} # why\n```\n")
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (found,) = lines("page.md")
    assert found == line
    with pytest.raises(WrongUseError):
        check_line(found)


@pytest.mark.parametrize(
    "text", ["windlass no-such", "windlass backup no-such", "windlass log --no-such", "make no-such"]
)
def test_a_mention_that_is_wrong_is_noticed(text: str) -> None:
    with pytest.raises(WrongUseError):
        check_mention(text)
