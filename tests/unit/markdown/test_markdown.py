from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.markdown.shown import Item, items
from windlass.domain.markdown import escape, first_of, item, section, shortened

HOSTILE = st.text(st.one_of(st.characters(), st.sampled_from("`*_[]()<>~|&#+-=.!:\\\n\t 1")), max_size=60)


@given(HOSTILE, HOSTILE)
def test_any_text_stays_in_its_place_and_shows_its_own_words(text: str, below: str) -> None:
    (shown, after) = items(section("Here", [item(escape(text), [escape(below)]), "after"]), "Here")

    assert after == Item("after")
    assert [words(shown.text), *(words(one.text) for one in shown.below)] == [seen(text), seen(below)]


def words(shown: str) -> str:
    return shown.replace("`", "")


def seen(text: str) -> str:
    plain = "".join(one if one.isprintable() else "\ufffd" for one in " ".join(text.split()))
    return plain.replace("`", "") if plain else "(empty)"


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("run `windlass mirror` and *wait*", r"run `windlass mirror` and \*wait\*"),
        ("a lone ` tick", r"a lone \` tick"),
        ("``` fence", r"\`\`\` fence"),
        ("two\n\n# lines", r"two \# lines"),
        ("1. first", r"1\. first"),
        ("<img src=x> &amp; [a](b)", r"\<img src=x\> \&amp; \[a\](b)"),
        ("a\x00b\u202ec", "a\ufffdb\ufffdc"),
    ],
)
def test_what_would_be_markup_is_escaped_and_code_stays_code(text: str, markdown: str) -> None:
    assert escape(text) == markdown


def test_what_is_left_out_is_counted() -> None:
    assert first_of(["a", "b", "c"], 3, "(see there)") == ["a", "b", "c"]
    assert first_of(["a", "b", "c", "d"], 3, "(see there)") == ["a", "b", "and 2 more (see there)"]
    assert shortened("one  two", 7) == "one two"
    assert shortened("one two three", 7) == "one two … (6 more characters)"
    assert not section("Nothing", [])
