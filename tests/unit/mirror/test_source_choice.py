from __future__ import annotations

from collections.abc import Callable

import pytest

from windlass.errors import SpecError, UnreachableError
from windlass.mirror.source_choice import SETTING, choose, configured

from .fakes import SourceOfBytes


def sources(official: str | None, modules: str | None) -> Callable[[str], SourceOfBytes]:
    problems = {"official": official, "modules": modules}
    return lambda name: SourceOfBytes({}, unusable=problems[name], name=name)


def test_auto_takes_the_official_source_when_it_answers() -> None:
    choice = choose("auto", sources(None, None))
    assert (choice.source.name, choice.reason) == ("official", "the official sites answer")


def test_auto_takes_the_modules_and_says_why() -> None:
    choice = choose("auto", sources("dl.example.org: connection refused", None))
    assert choice.source.name == "modules"
    assert "dl.example.org: connection refused" in choice.reason


def test_auto_says_what_is_wrong_with_both() -> None:
    with pytest.raises(UnreachableError, match="official: no route; modules: `go` is missing"):
        choose("auto", sources("no route", "`go` is missing"))


def test_a_wanted_source_is_not_replaced_by_another() -> None:
    assert choose("modules", sources(None, None)).source.name == "modules"
    with pytest.raises(UnreachableError, match="`official` cannot be used: no route"):
        choose("official", sources("no route", None))


def test_the_command_line_goes_before_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SETTING, raising=False)
    assert configured(None) == "auto"
    monkeypatch.setenv(SETTING, "modules")
    assert configured(None) == "modules"
    assert configured("official") == "official"


def test_an_unknown_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "moduls")
    with pytest.raises(SpecError, match="`moduls`; it must be one of auto, official, modules"):
        configured(None)
