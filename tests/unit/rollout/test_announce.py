from __future__ import annotations

import pytest
import yaml

from unit.rollout.conftest import CATALOG
from windlass.domain.catalog.tested import Standing
from windlass.domain.lease import Owner
from windlass.effects.store import ClusterRecords, MemoryStore, ServiceLog
from windlass.effects.store.keys import offer_key, spec_key
from windlass.operations.rollout.announce import UpgradeAnnouncer

RUN = Owner("catalog_watch", "run")
TESTED: dict[str, Standing] = dict.fromkeys(CATALOG.releases, "tested")
UNTESTED: dict[str, Standing] = dict.fromkeys(CATALOG.releases, "untested")


def spec(name: str, version: str) -> str:
    members = [{"name": "a", "address": "192.0.2.1", "roles": ["etcd", "control-plane", "worker"]}]
    body = {"kubernetes": {"version": version}, "hosts": {"members": members}}
    return yaml.safe_dump({"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": name}, "spec": body})


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    for name, version in {"old": "v1.36.3", "new": "v1.37.2"}.items():
        ClusterRecords(made, name).save_spec(spec(name, version))
    made.put(spec_key("broken"), b"no: spec")
    return made


class People(list[tuple[str, str]]):
    """Who was told what."""

    def notify(self, cluster: str, text: str) -> None:
        self.append((cluster, text))


def test_each_cluster_is_told_once_of_what_it_may_move_to(store: MemoryStore) -> None:
    people = People()
    announcer = UpgradeAnnouncer(store, RUN, people.notify)

    assert announcer.announce(CATALOG, TESTED) == {"old": ["v1.37.2"]}
    assert announcer.announce(CATALOG, TESTED) == {}

    ((cluster, text),) = people
    assert cluster == "old"
    assert "etcd v3.6.16 -> v3.7.3" in text
    (event,) = ServiceLog(store, "old").newest()
    assert event.text == text
    assert store.get(offer_key("old", "v1.37.2")) is not None
    assert ServiceLog(store, "new").newest() == ()


def test_a_spec_that_cannot_be_read_is_named_and_keeps_nobody_from_being_told(
    store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.put(spec_key("binary"), b"\xff")
    assert UpgradeAnnouncer(store, RUN, People().notify).announce(CATALOG, TESTED) == {"old": ["v1.37.2"]}
    told = [record.getMessage().split(" is told")[0] for record in caplog.records]
    assert told == ["binary", "broken"]


def test_a_cluster_whose_telling_broke_off_is_told_by_the_next_run(store: MemoryStore) -> None:
    def die(_: str, __: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        UpgradeAnnouncer(store, RUN, die).announce(CATALOG, TESTED)

    people = People()
    assert UpgradeAnnouncer(store, RUN, people.notify).announce(CATALOG, TESTED) == {"old": ["v1.37.2"]}
    assert len(people) == 1


def test_an_untested_release_is_not_told_of(store: MemoryStore) -> None:
    assert UpgradeAnnouncer(store, RUN, People().notify).announce(CATALOG, UNTESTED) == {}
