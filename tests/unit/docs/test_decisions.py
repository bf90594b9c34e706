"""Each decision record has its number in its name and in its heading, and says why."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .pages import DOCS

RECORDS = sorted((DOCS / "decisions").glob("*.md"))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_the_heading_has_the_number_of_the_file(record: Path) -> None:
    name = re.fullmatch(r"(\d{4})-[a-z0-9-]+", record.stem)
    heading = re.fullmatch(r"# ([1-9]\d*)\. \S.*[^.]", record.read_text(encoding="utf-8").splitlines()[0])
    assert name
    assert heading
    assert int(heading[1]) == int(name[1])


def test_no_number_is_taken_twice() -> None:
    numbers = [record.stem[:4] for record in RECORDS]
    assert sorted(set(numbers)) == numbers


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_decision_that_is_named_is_there(record: Path) -> None:
    known = {int(one.stem[:4]) for one in RECORDS}
    named = re.findall(r"[Dd]ecisions? (\d+)|[Ss]uperseded(?: in part)? by (\d+)", record.read_text(encoding="utf-8"))
    assert {int(first or second) for first, second in named} <= known
