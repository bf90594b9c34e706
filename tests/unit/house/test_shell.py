"""What looks like shell to the rule, and what does not."""

from __future__ import annotations

import pytest
from tools.house.shell import check_shell

from unit.house.samples import source


@pytest.mark.parametrize(
    "text",
    [
        "set -eu\\nmkdir x\\n",
        "if true; then\\n  exit 0\\nfi\\n",
        "while true; do sleep 1; done",
        "ls /x 2>/dev/null",
        "echo changed >&2",
        "file=$(mktemp)",
        'cat \\"$1\\"',
        "true && echo yes",
        "docker ps -q | xargs docker rm",
        "[ -e /x ] || exit 1",
        "[ ! -L /x ] || readlink /x",
    ],
)
def test_shell_in_an_operation_is_found(text: str) -> None:
    result = check_shell([source(f'SCRIPT = "{text}"', "plugins/windlass/operations/apply/plan.py")])

    assert result.figure == "shell texts out of place 1"
    assert result.broken[0].startswith("plugins/windlass/operations/apply/plan.py:1: shell (`")


def test_shell_around_a_value_is_found() -> None:
    assert len(check_shell([source("line = f'[ -e {path} ] && cat {path}'")]).broken) == 1


@pytest.mark.parametrize("how", ["-c", "-s"])
def test_a_command_for_a_shell_is_found(how: str) -> None:
    result = check_shell([source(f'argv = ["docker", "exec", name, "sh", "{how}", text]')])

    place, what = result.broken[0].split(": ")
    assert (place, what.split(" is")[0]) == ("plugins/windlass/domain/sample.py:1", f"a command for `sh {how}`")


@pytest.mark.parametrize("home", ["domain/scripts/install.py", "effects/ssh/shell.py"])
def test_shell_is_at_home_in_the_scripts_and_in_effects(home: str) -> None:
    assert check_shell([source('A = ["sh", "-c", "true && true"]', f"plugins/windlass/{home}")]).broken == []


@pytest.mark.parametrize(
    "text",
    [
        "free some, then clear this task; then wait",
        "done",
        "static | lab | ec2",
        "cost: $5 & more; if that is so, do it",
        "run `rm /etc/machine-id && systemd-machine-id-setup` on one of them",
        "{{if .Label}}{{.Names}}={{end}}",
        "v1.36.3 -> v1.37.2 <- x",
    ],
)
def test_text_for_people_is_no_shell(text: str) -> None:
    assert check_shell([source(f'TEXT = "{text}"')]).broken == []


def test_a_docstring_may_show_shell() -> None:
    assert check_shell([source('"""As `set -eu` does.\n\nset -eu; a && b\n"""\n')]).broken == []
