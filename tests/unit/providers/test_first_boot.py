from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from unit.providers.aws import CONSOLE, HOST_KEY, KEY
from windlass.domain.scripts.first_boot import KEYS_END, MachineLogin, first_boot, host_key_told
from windlass.errors import SpecError


def config(port: int = 22) -> Any:
    head, _, body = first_boot(MachineLogin("ops", KEY, port)).partition("\n")
    assert head == "#cloud-config"
    return json.loads(body)


def files(port: int = 22) -> dict[str, str]:
    return {one["path"]: one["content"] for one in config(port)["write_files"]}


def test_one_user_is_let_in_by_one_key_and_nobody_by_password() -> None:
    made = config()
    assert [user["name"] for user in made["users"]] == ["ops"]  # in place of the image's own user
    assert made["users"][0]["ssh_authorized_keys"] == [KEY]
    sshd = files()["/etc/ssh/sshd_config.d/00-windlass.conf"]
    assert "AuthorizedKeysFile /etc/ssh/windlass_authorized_keys/%u\n" in sshd  # keys of the image count for nothing
    assert "PasswordAuthentication no\n" in sshd
    assert files()["/etc/ssh/windlass_authorized_keys/ops"] == f"{KEY}\n"


def test_another_port_is_sshd_s_too() -> None:
    assert "Port 2222\n" in files(2222)["/etc/ssh/sshd_config.d/00-windlass.conf"]


def test_no_private_key_lies_in_what_a_machine_can_read_for_ever() -> None:
    assert "PRIVATE" not in first_boot(MachineLogin("ops", KEY))


def test_a_posix_shell_can_read_what_tells_the_keys() -> None:
    [script] = [text for path, text in files().items() if "tell" in path]
    done = subprocess.run(["sh", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("user", "key"), [("a b", KEY), ("ops", "nonsense"), ("ops", f"{KEY}\nssh-ed25519 AAAA"), ("ops\n", KEY)]
)
def test_nothing_is_smuggled_in_with_a_name_or_a_key(user: str, key: str) -> None:
    with pytest.raises(SpecError):
        MachineLogin(user, key)


def test_the_best_key_counts_once_all_are_told() -> None:
    assert host_key_told(CONSOLE) is None
    assert host_key_told(f"{CONSOLE}{KEYS_END}\r\n") == f"ssh-ed25519 {HOST_KEY}"


def test_what_is_written_to_the_console_later_counts_for_nothing() -> None:
    later = f"windlass-host-key ssh-ed25519 {'B' * 64}\n{KEYS_END}\n"
    assert host_key_told(f"{CONSOLE}{KEYS_END}\n{later}") == f"ssh-ed25519 {HOST_KEY}"


@pytest.mark.parametrize("told", ["", "ssh-rsa AAAAB3NzaC1yc2E=", "ssh-ed25519 AAA*AAAAAAAAAAAAAAAAA"])
def test_no_key_that_can_be_used_is_no_key(told: str) -> None:
    assert host_key_told(f"windlass-host-key {told}\n{KEYS_END}\n") is None
