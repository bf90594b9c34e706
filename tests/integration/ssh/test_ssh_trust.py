from __future__ import annotations

import socket
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from windlass.effects.ssh.client import connect
from windlass.effects.ssh.connection import SshTarget
from windlass.effects.ssh.host_keys import keys_of, known_hosts_line, with_accepted
from windlass.effects.ssh.pool import Connections
from windlass.errors import IntegrityError, RefusedError, UnreachableError

CURVE_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDqI8WV6WNxRAL4ZUSSmIdpOHcc+8dp2vAaIDRXZXMRS"


def test_each_of_the_hosts_keys_is_enough(sshd: Any) -> None:
    for name in ("host_ed25519", "host_ecdsa"):
        with connect(replace(sshd.target, known_hosts=(sshd.known_host(name),))) as connection:
            assert connection.run(["echo", "in"]).stdout == "in\n"


def test_unknown_host_key_is_refused_with_the_line_to_add(sshd: Any) -> None:
    with pytest.raises(RefusedError, match="add this line to knownHosts") as caught:
        connect(sshd.target)
    line = str(caught.value).split("knownHosts: ")[1]
    with connect(replace(sshd.target, known_hosts=(line,))):
        pass


def test_changed_host_key_names_both_fingerprints(sshd: Any) -> None:
    known = f"[127.0.0.1]:{sshd.target.port} {CURVE_KEY}"
    target = replace(sshd.target, known_hosts=(known,), trust_on_first_use=True)
    with pytest.raises(IntegrityError, match=r"cp-1 .* known SHA256:\S+, offered \S+ SHA256:\S+; .*known_hosts line"):
        connect(target)


def test_first_use_is_trusted_once_and_recorded(sshd: Any) -> None:
    recorded: list[tuple[SshTarget, str]] = []
    target = replace(sshd.target, trust_on_first_use=True)
    with connect(target, record_key=lambda *seen: recorded.append(seen)) as connection:
        connection.run(["true"])
    ((seen, line),) = recorded
    assert seen == target
    with connect(replace(sshd.target, known_hosts=(line,))):
        pass


def test_first_use_is_not_trusted_without_a_record(sshd: Any) -> None:
    with pytest.raises(RefusedError, match="a place to record"):
        connect(replace(sshd.target, trust_on_first_use=True))


def test_wrong_login_key_is_refused_with_what_to_check(sshd: Any, tmp_path: Path, new_key: Any) -> None:
    target = replace(sshd.trusted(), private_key=new_key(tmp_path / "other"))
    with pytest.raises(RefusedError, match=r"refused the login key SHA256:.*authorized_keys"):
        connect(target)


def test_other_types_of_login_key_are_read(sshd: Any, tmp_path: Path, new_key: Any) -> None:
    for kind in ("ecdsa", "rsa"):  # not authorised, but read and offered
        target = replace(sshd.trusted(), private_key=new_key(tmp_path / kind, kind))
        with pytest.raises(RefusedError, match="refused the login key"):
            connect(target)


def test_unreadable_login_key_is_not_shown(sshd: Any) -> None:
    with pytest.raises(RefusedError, match="private_key or key_file") as caught:
        connect(replace(sshd.trusted(), private_key="s3cret"))
    assert "s3cret" not in str(caught.value)


def test_closed_port_says_what_to_check(sshd: Any) -> None:
    with pytest.raises(UnreachableError, match=r"cp-1: no connection to 127\.0\.0\.1:1: .*check that the host runs"):
        connect(replace(sshd.trusted(), port=1))


def test_service_that_never_answers_is_given_up(sshd: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = replace(sshd.trusted(), port=listener.getsockname()[1])
        with pytest.raises(UnreachableError, match="does not speak SSH"):
            connect(target, timeout=timedelta(seconds=0.5))


def test_bastion_carries_the_connection(sshd: Any) -> None:
    bastion = replace(sshd.trusted(), name="bastion")
    with connect(replace(sshd.trusted(), bastion=bastion)) as connection:
        out = connection.run(["sh", "-c", "echo $SSH_CONNECTION"]).stdout.split()
        assert out[3] == str(sshd.target.port)
        assert connection.host == "cp-1"


def test_bastions_host_key_is_verified_too(sshd: Any) -> None:
    with pytest.raises(RefusedError, match=r"bastion .* is not known"):
        connect(replace(sshd.trusted(), bastion=replace(sshd.target, name="bastion")))


def test_host_that_the_bastion_cannot_reach_is_named(sshd: Any) -> None:
    bastion = replace(sshd.trusted(), name="bastion")
    with pytest.raises(UnreachableError, match=r"bastion: 127\.0\.0\.1:1 cannot be reached from there"):
        connect(replace(sshd.trusted(), port=1, bastion=bastion))


def test_a_host_shows_its_key_before_anybody_trusts_it(sshd: Any) -> None:
    with Connections([replace(sshd.target, known_hosts=(f"cp-1 {CURVE_KEY}",))]) as connections:
        shown = connections.host_key(sshd.target.name)
        target = with_accepted(
            connections.target(sshd.target.name),
            known_hosts_line(sshd.target, shown),
            [key.fingerprint for key in keys_of(connections.target(sshd.target.name))],
        )
        with pytest.raises(IntegrityError):
            connections.get(sshd.target.name)
        connections.renew(target)
        assert connections.get(sshd.target.name).run(["echo", "in"]).stdout == "in\n"
