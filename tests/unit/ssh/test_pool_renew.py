from __future__ import annotations

from dataclasses import replace

from windlass.effects.ssh.fake import FakeHost, FakeHosts
from windlass.effects.ssh.pool import Connections


def test_a_host_that_is_another_machine_is_reached_again_by_its_new_login() -> None:
    hosts = FakeHosts([FakeHost("cp-1")])
    (target,) = hosts.targets()
    with Connections([target], hosts) as connections:
        first = connections.get("cp-1")
        connections.renew(replace(target, known_hosts=("another",)))
        assert connections.target("cp-1").known_hosts == ("another",)
        assert connections.get("cp-1") is not first
