"""Services are passed in: two clusters of one process may have others, and the world in memory replaces one place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import FrozenInstanceError
from datetime import timedelta
from pathlib import Path
from typing import Any, Self
from unittest.mock import Mock

import pytest

from unit.etcd.world import PKI
from unit.rollout.conftest import CATALOG, LOCK, MIRROR, cluster
from unit.services import BEGIN, quick_clock, services_of
from windlass.effects.ssh.fake import FakeHost, FakeHosts
from windlass.effects.ssh.pool import Connections
from windlass.effects.store import MemoryStore
from windlass.errors import NotReadyError
from windlass.operations.cluster import open_session
from windlass.operations.etcd.clients import etcd_member
from windlass.operations.services import Clients, Services
from windlass.operations.waiting import wait_until

TESTS = Path(__file__).resolve().parents[2]
MOST_PATCHES = 2
"""Where the Airflow layer builds its services, and a memory of specs that were read."""


class EtcdOf:
    """A client of etcd that knows whose it is."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close nothing."""


def services_named(name: str) -> Services:
    clients = Clients(etcd=lambda *_: EtcdOf(name))  # type: ignore[arg-type,return-value]  # a client in name only
    return services_of(MemoryStore(), clock=quick_clock(), clients=clients)


def hosts_of(roles: Mapping[str, list[str]]) -> Connections:
    fakes = [FakeHost(name, tunnel=lambda *way: Mock(address=way, __enter__=_same, __exit__=_end)) for name in roles]
    hosts = FakeHosts(fakes)
    return Connections(hosts.targets(), hosts)


def _same(self: Any) -> Any:
    return self


def _end(*_: object) -> None:
    """Close nothing."""


def test_two_clusters_of_one_process_have_their_own_services() -> None:
    roles, release = {"cp-1": ["etcd", "control-plane"]}, CATALOG.release("v1.37.2")
    one, other = services_named("one"), services_named("other")
    asked: dict[str, str] = {}
    with (
        open_session(cluster(roles), release, (LOCK, MIRROR), hosts_of(roles), one) as first,
        open_session(cluster(roles), release, (LOCK, MIRROR), hosts_of(roles), other) as second,
    ):
        for name, session in {"one": first, "other": second}.items():
            with etcd_member(session, PKI, "cp-1") as client:
                asked[name] = client.name  # type: ignore[attr-defined]  # as `EtcdOf` has it
        with pytest.raises(NotReadyError, match="not done after 60 s"):
            wait_until(lambda: "never there", timedelta(minutes=1), "wait", first.clock)

    assert asked == {"one": "one", "other": "other"}
    assert first.clock.now() >= BEGIN + timedelta(minutes=1)
    assert second.clock.now() == BEGIN


def test_nothing_is_opened_before_it_is_asked_for_and_each_thing_once() -> None:
    opened: list[str] = []
    services = services_of(MemoryStore(), load_catalog=lambda: opened.append("catalog"))
    assert opened == []
    assert services.catalog is services.catalog
    assert opened == ["catalog"]
    with pytest.raises(FrozenInstanceError):
        services.clock = quick_clock()  # type: ignore[misc]  # that is what is refused


def test_the_world_in_memory_is_passed_in_and_hardly_patched() -> None:
    world = "\n".join(path.read_text(encoding="utf-8") for path in (TESTS / "world").rglob("*.py"))
    patches = re.findall(r"\bpatch\.(?:setattr|setenv|setitem|delattr)\(([^)]*)", world)
    assert len(patches) <= MOST_PATCHES, patches
