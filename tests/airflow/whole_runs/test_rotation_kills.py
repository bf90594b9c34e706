"""Wherever a rotation dies, all parts of the cluster accept each other, no key is lost, and it can be gone on with.

A process that dies leaves what was there at the boundary where it died. So all of these are looked at, in the run that
nobody kills and in those that follow one that died; and where something had changed since the boundary before, the task
is tried again, for each kind of death and then at every so many, and at some of these a whole run follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from windlass.domain.pki import Pki, Rotated
from windlass.domain.pki.trust import CA_OF
from windlass.domain.sealing import MasterKeys, new_master_key
from world import Boundary, Killed, World
from world.kills import EVERYWHERE
from world.runs import Run, Task
from world.specs import SMALL
from world.trust import TrustWatch, stored, strangers

PAIR = """
apiVersion: windlass/v1
kind: Cluster
metadata: {name: demo}
spec:
  kubernetes: {version: v1.37.2}
  etcd: {allowEven: true}
  hosts:
    members:
      - {name: cp-1, address: 192.0.2.11, roles: [etcd, control-plane]}
      - {name: cp-2, address: 192.0.2.12, roles: [etcd, control-plane]}
"""
"""Two of everything that talks to its like."""


def _none(_: World) -> None:
    """Change nothing before."""


def _new_master_key(world: World) -> None:
    world.use_keys(MasterKeys((*MasterKeys.parse(new_master_key().reveal()).keys, *world.keys.keys)))


@dataclass(frozen=True)
class Rotating:
    """A rotation that is killed."""

    what: str
    spec: str = PAIR
    before: Callable[[World], None] = _none
    tried: int = 60
    """At each so many of the boundaries where something has changed the task is tried again, and where a task of this
    kind has died at no such place yet, in any rotation."""
    followed: int = 180
    """At each so many, a whole run follows."""


CASES = {
    "leaves": Rotating("leaves", followed=90),
    "kubernetes-ca": Rotating("kubernetes-ca"),
    "etcd-ca": Rotating("etcd-ca"),
    "front-proxy-ca": Rotating("front-proxy-ca", SMALL),
    "service-account": Rotating("service-account"),
    "encryption": Rotating("encryption"),
    "master-key": Rotating("master-key", SMALL, _new_master_key, 2, 5),
}


@dataclass
class Killing:
    """The walk through one rotation; `kinds` has the kinds of death that a task was tried again after."""

    world: World
    case: Rotating
    watch: TrustWatch
    kinds: set[tuple[str, str]]
    seen: int = 0
    followed: int = 0

    def walk(self) -> None:
        run = self.world.begin("rotate_certificates", what=self.case.what, auto_approve=True)
        for task in self.world.tasks(run):
            before, results = self.world.save(), dict(run.results)
            self.watch.begin()
            self.world.execute(task, run)
            after, told, changed = self.world.save(), dict(run.results), self.watch.changed
            for boundary in changed:
                self._die_at(boundary, task, run, before, results)
            self.world.restore(after)
            run.results = told
        run.is_finished = True

    def _die_at(self, boundary: Boundary, task: Task, run: Run, before: object, results: dict[str, object]) -> None:
        self.seen += 1
        kind = (type(task.operator).__name__, "host" if boundary.place in self.world.machines else boundary.place)
        is_tried = EVERYWHERE or kind not in self.kinds or self.seen % self.case.tried == 0
        self.kinds.add(kind)
        is_followed = EVERYWHERE or self.seen % self.case.followed == self.case.followed // 3
        for go_on, is_due in ((self._again, is_tried), (self._next, is_followed)):
            if not is_due:
                continue
            self.world.restore(before)
            run.results = dict(results)
            self.watch.begin()
            with pytest.raises(Killed):
                self.world.execute(task, run, end_at=boundary)
            go_on(task, run)
            assert self.watch.found == [], f"{task.task_id} killed at {boundary}, {go_on.__name__}"

    def _again(self, task: Task, run: Run) -> None:
        self.world.execute(task, run)

    def _next(self, _: Task, run: Run) -> None:
        self.followed += 1
        self.world.runs[run.run_id].is_finished = True
        self.world.run("rotate_certificates", what=self.case.what, auto_approve=True)
        self.world.runs[run.run_id].is_finished = False
        check_that_it_is_over(self.world)


def check_that_it_is_over(world: World) -> None:
    under_way = set(stored(world).rotations)
    assert under_way <= {Rotated.SERVICE_ACCOUNT}, f"still under way: {under_way}"
    assert list(strangers(world)) == []
    assert all(drift.is_empty for drift in world.drift().values()), world.drift()
    if under_way:  # tokens of pods live on for a while
        world.clock.sleep(2 * 3600)
        world.run("rotate_certificates", what=Rotated.SERVICE_ACCOUNT.value, auto_approve=True)
        assert not stored(world).rotations
        assert all(drift.is_empty for drift in world.drift().values()), world.drift()


@pytest.fixture(scope="module")
def made() -> Iterator[Callable[[str], World]]:
    """Return a function that gives a world with the cluster of a spec in it, as it was when that was made."""
    worlds: dict[str, tuple[World, Any, MasterKeys]] = {}
    with pytest.MonkeyPatch.context() as patch:

        def give(spec: str) -> World:
            patch.undo()
            world, saved, keys = worlds.get(spec) or (World(spec), None, None)
            world.install(patch)
            if saved is None or keys is None:
                world.run("create_cluster", spec=spec)
                worlds[spec] = world, world.save(), world.keys
            else:
                world.use_keys(keys)
                world.restore(saved)
            return world

        yield give


@pytest.fixture(scope="module")
def kinds() -> set[tuple[str, str]]:
    """Return the kinds of death, by task and place, that were seen in any rotation."""
    return set()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_rotation_that_dies_anywhere_leaves_a_cluster_that_trusts_itself_and_can_be_gone_on_with(
    made: Callable[[str], World], kinds: set[tuple[str, str]], case: Rotating
) -> None:
    world = made(case.spec)
    case.before(world)
    first = stored(world)
    killing = Killing(world, case, TrustWatch(world), kinds)

    killing.walk()

    assert killing.watch.found == []
    assert killing.followed > 0
    check_that_it_is_over(world)
    assert list(not_new(first, stored(world), case.what)) == []


def test_no_api_server_stores_secrets_by_a_key_that_another_has_not_loaded_though_there_are_none_yet(
    made: Callable[[str], World],
) -> None:
    world = made(PAIR)
    watch = TrustWatch(world, writes=False)
    watch.begin()

    world.run("rotate_certificates", what="encryption", auto_approve=True)

    assert watch.found == []
    assert not stored(world).rotations


def not_new(first: Pki, last: Pki, what: str) -> Iterator[str]:
    """Yield what is not another one than before, of what was to be."""
    parts = {
        "leaves": lambda pki: {name: leaf.certificate for name, leaf in pki.leaves.items()},
        "service-account": lambda pki: {what: pki.service_account_key},
        "encryption": lambda pki: {key.name: key.key for key in pki.encryption_keys},
        "master-key": lambda _: {},
    }
    of = parts.get(what, lambda pki: {what: pki.authorities[CA_OF[Rotated(what)]].certificate})
    before, now = of(first), of(last)
    yield from (name for name in before.keys() & now.keys() if before[name] == now[name])
