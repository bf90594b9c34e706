"""Help waits for nothing: it loads no library that only work takes."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator

import pytest

from windlass.cli.main import make_parser

HEAVY = {"airflow", "asyncio", "boto3", "botocore", "cryptography", "google", "grpc", "httpx", "jinja2", "paramiko"}
HEAVY |= {"psutil", "pydantic", "rich", "sqlalchemy"}
MOST_MODULES = 320
"""Of Python itself some 70 are there before anything is imported; looking for other packages' commands takes 60."""


def commands(parser: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from commands(below, (*words, name))


FIRST = sorted({words[0] for words in commands(make_parser([])) if words})
PROBE = """
import sys
from windlass.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    print(ended.code, len(sys.modules), *sys.modules, file=sys.stderr)
"""


def loaded(*words: str) -> list[str]:
    argv = [sys.executable, "-c", PROBE, *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    code, count, *modules = done.stderr.split()
    assert code == "0"
    assert "usage: windlass" in done.stdout or "windlass" in words or done.stdout
    assert int(count) < MOST_MODULES
    return modules


@pytest.mark.parametrize("words", [("--help",), ("--version",), *((name, "--help") for name in FIRST)], ids=" ".join)
def test_help_loads_nothing_heavy(words: tuple[str, ...]) -> None:
    assert HEAVY & set(loaded(*words)) == set()


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for words in commands(make_parser([])):
        with pytest.raises(SystemExit) as ended:
            make_parser(words).parse_args([*words, "--help"])
        assert ended.value.code == 0
        assert f"usage: {' '.join(('windlass', *words))}" in capsys.readouterr().out
