from __future__ import annotations

import argparse

import pytest

from windlass.cli.backup import add_commands
from windlass.operations.commands.bundles import age_text, table


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    return parser.parse_args(["backup", *words])


@pytest.mark.parametrize("command", ["show", "verify", "drill"])
def test_a_bundle_is_the_newest_unless_named(command: str) -> None:
    assert parse(command, "demo").bundle == "newest"
    assert parse(command, "demo", "2026-11-23T07:45").bundle == "2026-11-23T07:45"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (86400 * 2, "2 d")]
)
def test_ages_are_short(seconds: int, text: str) -> None:
    assert age_text(seconds) == text


def test_a_list_shows_what_can_be_trusted_and_why_not() -> None:
    good = {"bundle": "20261123T074500Z-r1042", "standing": "proven", "age_seconds": 300, "keys": 400}
    good |= {"bytes": 3 * 2**20, "kubernetes": "v1.37.2"}
    bad = {"bundle": "20261123T074000Z-r1000", "standing": "refused", "age_seconds": 600, "reason": "cut off"}
    _, first, second = table([good, bad])
    assert first.split() == ["20261123T074500Z-r1042", "5", "min", "proven", "400", "3.0", "v1.37.2"]
    assert second.endswith("cut off")


def test_an_empty_list_says_what_to_do() -> None:
    assert "windlass backup now" in table([])[0]
