from __future__ import annotations

from windlass.effects.ssh.fake import FakeHost, FakeHosts
from windlass.effects.ssh.pool import Connections
from windlass.operations.host_speed import measure_slowness


def host(name: str, answer: str) -> FakeHost:
    made = FakeHost(name)
    made.on_script("measure-speed", answer=answer)
    return made


def test_the_slowest_of_the_hosts_that_are_connected_decides() -> None:
    hosts = FakeHosts([host("cp-1", "20\n"), host("cp-2", "600\n"), host("w-1", "2000\n")])
    connections = Connections(hosts.targets(), hosts)
    for name in ("cp-1", "cp-2"):
        connections.get(name)
    assert measure_slowness(connections) == 3
    assert connections.connected == ("cp-1", "cp-2")


def test_a_host_that_does_not_tell_counts_as_a_usual_one() -> None:
    hosts = FakeHosts([FakeHost("cp-1"), host("cp-2", "sh: not found\n"), host("w-1", "400\n")])
    connections = Connections(hosts.targets(), hosts)
    assert measure_slowness(connections) == 1
    for name in connections.names:
        connections.get(name)
    assert measure_slowness(connections) == 2
