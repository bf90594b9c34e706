"""Which right each command takes, and what its arguments may be."""

from __future__ import annotations

from typing import Any

import pytest

from windlass.airflow import command_handlers
from windlass.domain.remote import Arguments, Command, PlanArguments, needs_of, read_arguments
from windlass.domain.remote.command_needs import is_about_cluster
from windlass.domain.spec.access import RIGHTS
from windlass.errors import SpecError

GIVEN: dict[Command, dict[str, Any]] = {
    Command.BACKUP_SHOW: {"bundle": "newest"},
    Command.BACKUP_VERIFY: {"bundle": "newest"},
    Command.BREAK_GLASS: {"hours": 1, "reason": "x"},
    Command.MIRROR_ACCEPT: {"mirror": "http://192.0.2.1"},
    Command.STORE_ACCEPT: {"cluster": "demo"},
    Command.STORE_RESTORE_PKI: {"cluster": "demo", "copy_base64": ""},
    Command.STORE_SPEC: {"cluster": "demo"},
}
READING = {Command.PLAN, Command.AUDIT, Command.CERTIFICATES, Command.MASTER_KEY, Command.MIRROR_ACCEPTED} | {
    one for one in Command if one.startswith("backup")
}


def given(command: Command) -> Arguments:
    return read_arguments(command, GIVEN.get(command, {}))


@pytest.mark.parametrize("command", Command)
def test_what_changes_nothing_and_shows_no_key_takes_the_right_to_see_and_all_else_the_strongest(
    command: Command,
) -> None:
    needs = needs_of(command, given(command))
    if command in READING:
        assert (needs.rights, needs.is_for_keepers) == (("see",), False)
    else:
        assert needs.is_for_keepers or needs.rights == RIGHTS
        assert not (is_about_cluster(command) and needs.is_for_keepers)


def test_keys_are_for_those_alone_who_may_do_everything_everywhere() -> None:
    for command in (Command.PEOPLE_KEY, Command.RECORD_KEY, Command.READING_KEY, Command.MIRROR_ACCEPT):
        needs = needs_of(command, given(command))
        assert (needs.rights, needs.is_for_keepers, is_about_cluster(command)) == (RIGHTS, True, False)


def test_a_plan_of_another_spec_takes_the_right_to_operate() -> None:
    assert needs_of(Command.PLAN, PlanArguments(spec="apiVersion: windlass/v1")).rights == ("operate",)


@pytest.mark.parametrize("command", Command)
def test_a_worker_can_run_each(command: Command) -> None:
    assert callable(command_handlers._HANDLERS[command])


@pytest.mark.parametrize("wrong", [{"sesame": 1}, {"within": "sesame"}, {"as_json": ["sesame"]}])
def test_wrong_arguments_are_named_and_not_quoted(wrong: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="`windlass certificates`: ") as raised:
        read_arguments(Command.CERTIFICATES, wrong)
    assert "sesame" not in str(raised.value).replace("sesame: Extra", "")
    assert raised.value.__suppress_context__


def test_an_argument_that_is_too_long_is_refused() -> None:
    with pytest.raises(SpecError, match="spec"):
        read_arguments(Command.PLAN, {"spec": "x" * (1024 * 1024 + 1)})
