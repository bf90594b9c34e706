"""The same cases on a host of a lab, where the login is an ordinary user and root is reached by sudo."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import docker
import pytest

from contracts.ssh import TransportContract, World
from windlass.effects.ssh.client import SshConnection, connect
from windlass.errors import RefusedError
from windlass_lab.containers import container_name
from windlass_lab.model import Lab

pytestmark = pytest.mark.lab


@pytest.fixture
def connection(lab: Lab) -> Iterator[SshConnection]:
    with connect(lab.target("w-1")) as connection:
        yield connection


class TestLabHost(TransportContract):
    @pytest.fixture
    def world(self, lab: Lab, connection: SshConnection) -> Iterator[World]:
        root = connection.run(["mktemp", "-d"]).stdout.strip()
        yield World(connection, lambda _argv, _answer: None, root, ("127.0.0.1", 22))
        with connect(lab.target("w-1")) as other:  # a case may have closed its own
            other.run(["rm", "-rf", root], sudo=True)


@contextmanager
def login_by(lab: Lab, shell: str) -> Iterator[SshConnection]:
    """Give a connection whose login has this shell."""
    host_exec(lab, "usermod", "--shell", f"/usr/bin/{shell}", "ops")
    try:
        with connect(lab.target("w-1")) as connection:
            yield connection
    finally:
        host_exec(lab, "usermod", "--shell", "/bin/bash", "ops")


def host_exec(lab: Lab, *argv: str) -> None:
    subprocess.run(["docker", "exec", container_name(lab.name, "w-1"), *argv], check=True, capture_output=True)


class TestLabHostWithFish(TransportContract):
    """Fish is no shell of sh's kind, as csh is none."""

    @pytest.fixture
    def world(self, lab: Lab) -> Iterator[World]:
        with login_by(lab, "fish") as connection:
            root = connection.run(["mktemp", "-d"]).stdout.strip()
            yield World(connection, lambda _argv, _answer: None, root, ("127.0.0.1", 22))


@pytest.mark.parametrize("shell", ["fish", "tcsh"])
def test_any_words_survive_any_login_shell(lab: Lab, shell: str) -> None:
    words = ["a b", "it's", "!!", "a!b", "back\\slash\\", "two\nlines", "$HOME", "`id`", "~", "=ls", "*", "{a,b}", ""]
    with login_by(lab, shell) as connection:
        assert connection.run(["printf", "%s|", *words]).stdout == "".join(f"{word}|" for word in words)
        assert connection.run(["printf", "%s|", "~", "*", "{a,b}"], sudo=True).stdout == "~|*|{a,b}|"
        assert connection.run(["sh", "-c", "kill -9 $$"], check=False).exit_code == 137


def test_sudo_makes_root_and_only_when_asked(connection: SshConnection) -> None:
    assert connection.run(["id", "-un"]).stdout == "ops\n"
    assert connection.run(["id", "-un"], sudo=True).stdout == "root\n"


def test_sudo_that_would_ask_for_a_password_is_refused_with_the_way_out(connection: SshConnection) -> None:
    with pytest.raises(RefusedError, match=r"without a password: sudo: .*; .*/etc/sudoers\.d"):
        connection.run(["sudo", "-n", "-u", "nobody", "--", "sudo", "-n", "true"], sudo=True)


def test_docker_client_works_over_the_bridge(connection: SshConnection) -> None:
    with connection.unix_bridge(["docker", "system", "dial-stdio"], sudo=True) as bridge:
        client = docker.DockerClient(base_url=f"unix://{bridge.path}")
        try:
            assert client.ping()
            assert client.info()["Name"] == connection.run(["hostname"]).stdout.strip()
        finally:
            client.close()
