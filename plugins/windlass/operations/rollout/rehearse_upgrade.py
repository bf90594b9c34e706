"""A rehearsal of an upgrade: a bundle under the target's programs, cut off from the cluster, and what they refuse."""

from __future__ import annotations

from dataclasses import dataclass, field

from windlass.domain.backup import NEWEST, BundleId, choose
from windlass.domain.backup.versions import can_open
from windlass.domain.rendering import render_manifests
from windlass.domain.rollout.gate import GateLevel
from windlass.domain.rollout.gate_rules import judge_flags
from windlass.domain.rollout.rehearsal_record import Defect, RehearsalRecord, bounded_defects
from windlass.domain.rollout.upgrade_path import UpgradePath, upgrade_path
from windlass.domain.spec.references import MANIFESTS
from windlass.effects.bundles import Vault
from windlass.effects.store.rehearsals import save_rehearsal
from windlass.errors import RefusedError
from windlass.operation_names import Operation
from windlass.operations.backup.drill import plan_place
from windlass.operations.backup.isolated import IsolatedCluster, clean_host, drill_host
from windlass.operations.backup.take import Stopwatch
from windlass.operations.backup.turn import held
from windlass.operations.cluster import ClusterSession
from windlass.operations.restore.read_bundle import served_kinds
from windlass.operations.rollout.context import session_at
from windlass.operations.rollout.rehearse_objects import try_manifests, try_objects
from windlass.operations.run import Attempt, ClusterRun
from windlass.operations.stand_back import stand_back

_FEW = 10


@dataclass(frozen=True)
class RehearsalRequest:
    """What was asked for."""

    version: str
    bundle: str = NEWEST


@dataclass
class _Found:
    """What was found so far."""

    objects: int = 0
    defects: list[Defect] = field(default_factory=list)
    untried: tuple[str, ...] = ()


def rehearse(run: ClusterRun, attempt: Attempt, request: RehearsalRequest, watch: Stopwatch) -> RehearsalRecord:
    """Try the upgrade to a release on a bundle, store the record and return it.

    RefusedError, which people are alerted of, if anything was found; and if no upgrade may go there, or there is no
    such bundle. WaitingError while another run uses the isolated place.
    """
    stand_back(run, "nothing is rehearsed", is_by_person=attempt.is_by_person)
    path = upgrade_path(run.catalog, run.cluster(), None, request.version)
    if not path.is_upgrade:
        raise RefusedError(f"{run.name} runs {path.release.version}; give the version of another release to rehearse")
    vault = run.vault(run.cluster())
    bundle = choose(request.bundle or NEWEST, vault.candidates(), run.name).bundle
    with (
        held(run.drill_lease(), run.clock, "another run uses the isolated place", is_by_person=attempt.is_by_person),
        attempt.alerting(lambda error: f"the upgrade to {request.version} could not be rehearsed: {error}"),
        run.session(run.cluster()) as session,
    ):
        record = _record(run, session, path, vault, bundle, watch)
    save_rehearsal(run.store, record)
    run.log(f"{run.owner.dag_id}: {record.text}", level="warning" if record.count else "info")
    if record.count:
        text = f"the rehearsal of {record.text}: {'; '.join(map(str, record.defects[:_FEW]))}"
        attempt.alert(text)
        raise RefusedError(f"{text}; mend these, and trigger {Operation.REHEARSE} again; all of them are in the log")
    return record


def _record(
    run: ClusterRun, session: ClusterSession, path: UpgradePath, vault: Vault, bundle: BundleId, watch: Stopwatch
) -> RehearsalRecord:
    started, host = run.clock.now(), drill_host(session).name
    manifest, release = vault.manifest(bundle), path.release
    if not can_open(release, manifest):
        raise RefusedError(f"bundle {bundle} is of etcd {manifest.etcd.version}, which {release.version} cannot open")
    target = session_at(session, path.after, release, run.artifacts(path.after, release))
    found = _Found()
    with watch.step("total"):
        flags = judge_flags(path.after, release)
        if flags.verdict is GateLevel.BLOCKED:
            found.defects += [Defect(what="the spec", owner=run.name, why=one) for one in flags.problems]
        place = plan_place(target, release, vault, manifest, (host, started), watch)
        with clean_host(place.connection):
            place.open(vault)
            _try(place, target, found)
    defects, more = bounded_defects(found.defects)
    for one in defects:
        watch.tell(str(one))
    return RehearsalRecord(
        cluster=run.name,
        bundle=str(bundle),
        running=path.before.spec.kubernetes.version,
        target=release.version,
        host=host,
        by=str(run.owner),
        started=started,
        finished=run.clock.now(),
        milliseconds=watch.milliseconds,
        objects=found.objects,
        defects=defects,
        more_defects=more,
        untried=found.untried,
    )


def _try(place: IsolatedCluster, target: ClusterSession, found: _Found) -> None:
    with place.watch.step("kinds"):
        kinds = served_kinds(place)
    with place.watch.step("objects"):
        tried = try_objects(place, kinds, target.release)
    found.objects, found.untried = tried.objects, tuple(tried.untried)
    found.defects += tried.defects
    with place.watch.step("add-ons"):
        manifests = render_manifests(target.revealed(MANIFESTS), target.release, target.lock, target.mirror)
        found.defects += try_manifests(place, manifests, kinds)
