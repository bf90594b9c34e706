from __future__ import annotations

import argparse
import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from windlass.cli.log_command import add_commands, lines
from windlass.domain.servicelog import Event
from windlass.effects.store import MemoryStore, ServiceLog
from windlass.errors import SpecError

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def asked(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    return parser.parse_args(["log", *words])


def write(store: MemoryStore, text: str, minute: int, **more: Any) -> None:
    ServiceLog(store, "demo").append(Event(NOW + timedelta(minutes=minute), "heal_cluster", text, **more), "test")


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    write(made, "first", 0, host="cp-1")
    write(made, "second", 1, level="warning", reason="because")
    write(made, "third", 2, level="error")
    return made


def test_lines_come_oldest_first_with_level_and_reason(store: MemoryStore) -> None:
    assert list(lines(store, asked("demo"), None)) == [
        "2026-11-24 12:00:00   heal_cluster     first",
        "2026-11-24 12:01:00 ! heal_cluster     second (because)",
        "2026-11-24 12:02:00 ✗ heal_cluster     third",
    ]


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        (["--lines", "1"], ["third"]),
        (["--level", "warning"], ["second", "third"]),
        (["--level", "error"], ["third"]),
        (["--host", "cp-1"], ["first"]),
    ],
)
def test_what_is_shown_can_be_narrowed(store: MemoryStore, words: list[str], texts: list[str]) -> None:
    shown = [json.loads(line) for line in lines(store, asked("demo", "--json", *words), None)]
    assert [one["text"] for one in shown] == texts


def test_what_is_written_later_follows_and_nothing_twice(store: MemoryStore) -> None:
    minutes = itertools.count(3)

    def pause(_: float) -> None:
        write(store, "later", next(minutes))

    found = lines(store, asked("demo", "--follow", "--json"), pause)
    texts = [json.loads(line)["text"] for line in itertools.islice(found, 5)]
    assert texts == ["first", "second", "third", "later", "later"]


def test_an_unknown_cluster_is_told_with_those_that_are_known(store: MemoryStore) -> None:
    with pytest.raises(SpecError, match=r"no cluster `other` \(clusters: none\)"):
        list(lines(store, asked("other"), None))


def test_only_days_since_the_last_entry_are_read_again(store: MemoryStore) -> None:
    write(store, "next day", 60 * 24)
    newest = next(name for name, _ in ServiceLog(store, "demo").entries())
    listed: list[str] = []
    original = store.list

    def counting(prefix: str) -> Any:
        listed.append(prefix)
        return original(prefix)

    store.list = counting  # type: ignore[method-assign]
    assert list(ServiceLog(store, "demo").entries(newest)) == []
    assert [prefix for prefix in listed if prefix.endswith("/24/")] == []


def test_no_words_of_a_host_steer_a_terminal() -> None:
    made = MemoryStore()
    write(made, "disk full\x1b]0;owned\x07\r2026-11-24 all is well\n\x9b2J", 0, reason="\u202etxt")
    (line,) = lines(made, asked("demo"), None)
    assert line.isprintable()
    assert "disk full" in line


def test_programs_may_have_documents_of_yaml(store: MemoryStore) -> None:
    written = "\n".join(lines(store, asked("demo", "-o", "yaml"), None))
    assert [one["text"] for one in yaml.safe_load_all(written)] == ["first", "second", "third"]
