"""The places of docs/glossary.md are where it says."""

from __future__ import annotations

import pytest

from .pages import DOCS, ROOT, has, place, rows, sections

PAGE = sections(DOCS / "glossary.md")
HOUSE = {cells[0]: place(cells[2]) for cells in rows(PAGE["Words of the house"])}


@pytest.mark.parametrize("word", HOUSE)
def test_each_word_of_the_house_has_its_place(word: str) -> None:
    where = HOUSE[word]
    assert (ROOT / where.path).is_file()
    assert where.names
    assert [name for name in where.names if not has(where, name)] == []


def test_words_are_in_order_and_each_stands_once() -> None:
    assert list(HOUSE) == sorted(HOUSE)
    assert all(len(cells) == 2 for cells in rows(PAGE["Old words"]))
