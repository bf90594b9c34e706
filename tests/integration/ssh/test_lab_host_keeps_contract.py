"""The same cases on a host of a lab, where the login is an ordinary user and root is reached by sudo."""

from __future__ import annotations

from collections.abc import Iterator

import docker
import pytest

from contracts.ssh import TransportContract, World
from windlass.effects.ssh.client import SshConnection, connect
from windlass.errors import RefusedError
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
