"""Write samples of what the store holds, in the formats that this checkout writes, for those who come after.

    python -m world.golden     # writes those of tests/unit/store/formats that are not there yet

A sample that is there stays as it is: it is what a release wrote. Where the bytes of a kind change, its `format` in
`windlass.domain.authenticity.kinds` goes up, and this writes one more.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import structlog

from unit.store.format_samples import FOLDER, NAME
from windlass.domain.artifacts import Lock
from windlass.domain.authenticity import KINDS, kind_of
from windlass.domain.lease import Owner
from windlass.domain.people import people_access
from windlass.domain.rollout.durations import StepDurations
from windlass.domain.rollout.record import LeftHost
from windlass.domain.rollout.rehearsal_record import Defect, RehearsalRecord
from windlass.domain.run_notice import ToldFailures
from windlass.domain.sealing import MasterKeys
from windlass.domain.spec import load_cluster
from windlass.domain.sync.plan import Followed
from windlass.effects.store import ClusterRecords, HostKeys
from windlass.effects.store.accepted_locks import AcceptedLocks
from windlass.effects.store.followed import save_followed
from windlass.effects.store.host_keys import AcceptedHostKey
from windlass.effects.store.keys import delete_lease_key
from windlass.effects.store.leases import Leases
from windlass.effects.store.people import PeopleRecords
from windlass.effects.store.rehearsals import save_rehearsal
from windlass.effects.store.summaries import SummaryObjects
from windlass.operations.backup.status import should_notify
from world import World
from world.everything import lock
from world.specs import SMALL

SPEC = f"""{SMALL.replace("v1.37.2", "v1.36.3")}\
  access: {{roles: {{Ops: [operate]}}, groups: {{operate: [windlass:edit]}}}}
"""
PUBLIC_KEY = "192.0.2.12 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


_REHEARSAL = RehearsalRecord(
    cluster=NAME,
    bundle="20261130T080000Z-r42",
    running="v1.36.3",
    target="v1.37.2",
    host="cp-1",
    by="anna",
    started=datetime(2026, 11, 30, 8, tzinfo=UTC),
    finished=datetime(2026, 11, 30, 8, 1, tzinfo=UTC),
    milliseconds={"total": 60_000},
    objects=212,
    defects=(Defect(what="FlowSchema shop", owner="helm", why="flowcontrol/v1beta3 is no longer served"),),
    untried=("webhook shop: it cannot be reached from there",),
)


def main() -> None:
    """Write what is missing."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    keys = MasterKeys.parse((FOLDER / "master.key").read_text())
    with pytest.MonkeyPatch.context() as patch:
        found: dict[str, dict[str, str]] = {}
        for key, data in _objects(patch, keys):
            kind = kind_of(key)
            if (KINDS[kind].has_envelope or key.endswith("/manifest.json")) and (kind == "ledger" or kind not in found):
                found.setdefault(kind, {})[key] = base64.b64encode(data).decode()
    for kind, objects in found.items():
        path = FOLDER / f"{kind}.{KINDS[kind].format}.json"
        if not path.exists():
            path.write_text(json.dumps(objects, indent=1) + "\n")


def _objects(patch: pytest.MonkeyPatch, keys: MasterKeys) -> Iterator[tuple[str, bytes]]:
    """Yield what the store holds amid an upgrade, after a backup, a drill, a repair and a recovery."""
    world = World(SPEC)
    for path in sorted(
        FOLDER.glob("installation.*.json")
    ):  # so that new samples are of the store that the others are of
        for key, data in json.loads(path.read_text()).items():
            world.bucket.objects[key] = base64.b64decode(data)
    world.use_keys(keys)
    world.install(patch)
    world.run("create_cluster", spec=SPEC)
    world.run("etcd_backup")
    world.run("restore_drill")
    world.machines["cp-1"].end("kube-scheduler")
    world.run("heal_cluster")
    world.run("catalog_watch")
    world.machines["cp-1"].damage()
    world.run("disaster_recovery", auto_approve=True, overwrite_healthy=True, confirm_name=NAME)
    run = world.begin("upgrade_cluster", version="v1.37.2", auto_approve=True, allow_untested=True)
    for task in world.tasks(run):
        world.execute(task, run)
        if task.task_id.startswith("roll"):
            world.run("pause_upgrade")
            break
    _further(world, keys)
    yield from sorted(world.bucket.objects.items())


def _further(world: World, keys: MasterKeys) -> None:
    """Store what no operation has come to."""
    store, now = world.store, world.clock.now(UTC)
    records = ClusterRecords(store, NAME)
    cluster = load_cluster(SPEC, "spec")
    pki = records.pki(keys)
    assert pki is not None
    host = cluster.spec.hosts.members[1].model_copy(update={"name": "w-2"})
    records.save_left_hosts([LeftHost(host, "2026-11-30T08:00:00+00:00", "it does not answer")])
    records.save_durations(StepDurations({"kubelet": 12.5}, {"kubelet": {"w-1": 11.5}}))
    records.save_told_failures(ToldFailures({}).with_told("etcd_backup", "backup failed", now))
    records.save_waiting("run-7")
    records.save_status({"observed": "2026-11-30T08:00:00+00:00", "hosts": {}})
    PeopleRecords(store, NAME).publish(people_access(cluster, pki), keys.for_people())
    HostKeys(store, NAME).accept("w-1", AcceptedHostKey(PUBLIC_KEY, ("SHA256:old",), "run-1", "2026-11-30T08:00:00"))
    store.create(f"clusters/{NAME}/known_hosts/cp-1", PUBLIC_KEY.encode())
    few = dict([*lock().artifacts.items()][:2])
    AcceptedLocks(store, keys).accept("http://192.0.2.1:8080", Lock("modules", few), "anna")
    save_followed(store, NAME, Followed("git", "demo.yaml", "abc", "sha256:0", 2, "behind"))
    save_rehearsal(store, _REHEARSAL)
    should_notify(store, NAME, is_overdue=True, now=now)
    SummaryObjects(store).change([NAME], lambda *_: {"name": NAME, "hosts": 2})
    owner = Owner("delete_cluster", "run-9")
    Leases(store, lambda _: False, lambda: now, delete_lease_key).acquire(NAME, owner, "delete_cluster")


if __name__ == "__main__":
    main()
