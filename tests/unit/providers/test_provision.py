"""How the life of a cluster asks its provider, and which host keys are believed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from contracts.host_provider import CP, W, cluster_of
from unit.providers.aws import HOST_KEY
from unit.services import services_of
from windlass.domain.rollout.record import LeftHost
from windlass.domain.spec import Cluster
from windlass.effects.ssh.connection import SshTarget
from windlass.effects.ssh.host_keys import keys_of
from windlass.effects.ssh.pool import Connections
from windlass.effects.store import HostKeys, MemoryStore
from windlass.operations.provision import Provision, destroy_left


class Rack:
    """Machines that say their keys over a way of their own."""

    makes_hosts = True

    def __init__(self) -> None:
        self.on: dict[str, str] = {}
        self.did: list[str] = []
        self.breaks = False

    def missing(self, cluster: Cluster) -> tuple[str, ...]:
        return tuple(host.name for host in cluster.spec.hosts.members if host.name not in self.on)

    def provide(self, cluster: Cluster, run: str) -> tuple[str, ...]:
        missing = self.missing(cluster)
        self.on |= dict.fromkeys(missing, f"ssh-ed25519 {HOST_KEY}")
        if self.breaks:
            raise KeyboardInterrupt
        return missing

    def destroy(self, cluster: Cluster, names: Any = None) -> tuple[str, ...]:
        self.did.append(f"destroy {names}")
        return tuple(name for name in names or list(self.on) if self.on.pop(name, None))

    def host_keys(self, cluster: Cluster) -> Mapping[str, str]:
        return dict(self.on)

    def settle(self, cluster: Cluster) -> None:
        self.did.append("settle")


def target(host: Any) -> SshTarget:
    return SshTarget(name=host.name, address=host.address, port=22, user="ops", private_key="")


@pytest.fixture
def rack() -> Rack:
    return Rack()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def at(rack: Rack, store: MemoryStore) -> Callable[..., Provision]:
    def connect(cluster: Cluster, keys: HostKeys) -> Connections:
        return Connections(keys.known(map(target, cluster.spec.hosts.members)))

    services = services_of(store, provider=lambda _: rack, connect=connect)
    return lambda *names: Provision(services, store, cluster_of("rack", {}, *names))


def known(store: MemoryStore, name: str) -> list[str]:
    host = next(one for one in cluster_of("rack", {}).spec.hosts.members if one.name == name)
    [login] = HostKeys(store, "demo").known([target(host)])
    return [key.kind for key in keys_of(login)]


def test_what_a_provider_knows_its_machines_by_is_all_that_is_believed(
    at: Callable[..., Provision], store: MemoryStore
) -> None:
    assert known(store, W) == []
    assert at(CP, W).provide("run-1") == (CP, W)
    assert known(store, W) == ["ssh-ed25519"]  # though nothing is trusted on first use


def test_a_run_that_ends_before_keys_were_recorded_is_made_up_for(
    at: Callable[..., Provision], rack: Rack, store: MemoryStore
) -> None:
    at(CP, W).provide("run-1")
    rack.on.pop(W)  # its machine is lost
    rack.breaks = True
    with pytest.raises(KeyboardInterrupt):
        at(CP, W).provide("run-2")
    assert known(store, W) == []  # the old machine's key is not believed of the new one
    rack.breaks = False
    at(CP, W).provide("run-3")
    assert known(store, W) == ["ssh-ed25519"]


def test_a_key_that_somebody_accepted_stays_while_the_machine_does(
    at: Callable[..., Provision], rack: Rack, store: MemoryStore
) -> None:
    at(CP, W).provide("run-1")
    before = HostKeys(store, "demo").accepted()
    rack.on[W] = f"ssh-ed25519 {HOST_KEY[:-4]}BBBB"
    at(CP, W).provide("run-2")
    assert HostKeys(store, "demo").accepted() == before


def test_a_host_that_left_without_an_answer_is_destroyed_and_no_host_of_the_spec(
    at: Callable[..., Provision], rack: Rack
) -> None:
    at(CP, W).provide("run-1")
    hosts = {host.name: host for host in cluster_of("rack", {}).spec.hosts.members}
    left = [
        LeftHost(hosts[W], "2026-11-24T08:00:00", "no answer"),
        LeftHost(hosts[CP], "2026-11-24T08:00:00", "a role"),
    ]
    assert destroy_left(left, at(CP)) == (left[1],)
    assert set(rack.on) == {CP}


def test_nothing_is_asked_of_a_provider_that_makes_no_hosts(
    at: Callable[..., Provision], rack: Rack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rack, "makes_hosts", False)
    here = at(CP, W)
    here.settle()
    left = [LeftHost(cluster_of("rack", {}, W).spec.hosts.members[0], "2026-11-24T08:00:00", "no answer")]
    assert (here.missing(), here.provide("run"), here.destroy([W])) == ((), (), False)
    assert destroy_left(left, at(CP)) == tuple(left)
    assert rack.did == []


def test_what_an_earlier_spec_needed_is_taken_away_at_the_end(at: Callable[..., Provision], rack: Rack) -> None:
    at(CP).settle()
    assert rack.did == ["settle"]
