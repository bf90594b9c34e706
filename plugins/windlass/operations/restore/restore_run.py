"""A run that brings objects back: plan, two people where the spec wants them, the lease, and the writing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from windlass.domain.approval import Matter
from windlass.domain.backup import BundleId, choose
from windlass.domain.backup.versions import release_for
from windlass.domain.objects.inventory import ObjectRef
from windlass.domain.recovery.handover import approved_in_advance
from windlass.domain.restore.plan import Fate, RestoreItem, RestorePlan, plan_restore
from windlass.domain.restore.request import RestoreRequest
from windlass.domain.restore.restore_report import RestoreHandover, counts_text, handover_of, plan_lines
from windlass.domain.restore.served_kinds import ServedKind
from windlass.effects.kubernetes.client import KubernetesClient
from windlass.errors import WindlassError
from windlass.operation_names import Operation
from windlass.operations.backup.drill import plan_place
from windlass.operations.backup.isolated import IsolatedCluster, clean_host, drill_host
from windlass.operations.backup.take import Stopwatch
from windlass.operations.backup.turn import held
from windlass.operations.cluster import ClusterSession
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.restore.read_bundle import read_selected
from windlass.operations.restore.write_objects import carry_out, observe_live, try_plan
from windlass.operations.run import ClusterRun, Tell
from windlass.operations.stand_back import stand_back
from windlass.operations.take_over import take_from_remediation
from windlass.operations.two_people import TwoPeople, demand_of

_API_ANSWERS = timedelta(seconds=60)
_PATIENCE = timedelta(minutes=3)
_FEW = 10


def plan_objects(run: ClusterRun, request: RestoreRequest, tell: Tell) -> RestoreHandover:
    """Return what would come back, and how that differs from what lives; nothing of the cluster is changed.

    RefusedError if there is no such bundle or object, or if its namespace is being deleted; WaitingError while another
    run uses the isolated place.
    """
    stand_back(run, "nothing is brought back", is_by_person=True)
    bundle = choose(request.bundle, run.vault(run.cluster()).candidates(), run.name).bundle
    with run.session(run.cluster()) as session, kubernetes_api(session, run.pki(), _API_ANSWERS) as client:
        plan = _planned(run, session, client, request, bundle, tell)
        approved = approved_in_advance(run.cluster().spec.recovery)
        handover = handover_of(plan, str(bundle), request.subject, approved, session.fingerprint)
    for line in plan_lines(plan):
        tell(line)
    tell(f"{handover.subject} from bundle {handover.bundle}: {counts_text(handover.counts)}")
    return handover


def two_people_for(run: ClusterRun, handover: RestoreHandover) -> TwoPeople | None:
    """Return what is needed besides whoever asked for it; None if that is nobody."""
    return demand_of(Matter.LOSS, run.cluster(), handover.digest)


def take_over(run: ClusterRun, handover: RestoreHandover, answer: Mapping[str, Any] | None, tell: Tell) -> None:
    """Take the cluster's lease; RefusedError if two people must be behind this, and `answer` is not the second's."""
    if (demand := two_people_for(run, handover)) is not None:
        demand.check(run, answer)
    take_from_remediation(run.lease(), run.clock, "bringing objects back waits", _PATIENCE, tell)


def bring_back(run: ClusterRun, request: RestoreRequest, handover: RestoreHandover, tell: Tell) -> list[str]:
    """Look once more, write what was planned, and return what was done; the run holds the cluster's lease.

    RefusedError if something else is to be done now than was planned. WindlassError names what the API refused; what
    could come back did.
    """
    bundle = BundleId.parse(handover.bundle)
    with run.session(run.cluster()) as session, kubernetes_api(session, run.pki(), _API_ANSWERS) as client:
        plan = _planned(run, session, client, request, bundle, tell)
        handover.check_same(handover_of(plan, str(bundle), request.subject, "", session.fingerprint).digest)
        done, failed = carry_out(client, plan, tell)
    _note(run, handover, done, failed)
    if failed:
        raise WindlassError(
            f"{handover.subject}: {len(done)} objects came back, {len(failed)} did not: {'; '.join(failed[:_FEW])}; "
            f"correct that, and trigger {Operation.RESTORE_OBJECTS} again, which brings back what is still missing"
        )
    return list(done)


def _note(run: ClusterRun, handover: RestoreHandover, done: tuple[str, ...], failed: tuple[str, ...]) -> None:
    why = f" ({run.reason})" if run.reason else ""
    text = (
        f"{run.owner.dag_id}: {handover.subject} brought back from bundle {handover.bundle}: {len(done)} objects{why}"
    )
    lacking = f"; {len(failed)} did not come back: {'; '.join(failed[:_FEW])}" if failed else ""
    level: Any = "warning" if failed else "info"
    run.log(f"{text}{lacking}", level=level, details={"plan": handover.text})


def _planned(
    run: ClusterRun,
    session: ClusterSession,
    client: KubernetesClient,
    request: RestoreRequest,
    bundle: BundleId,
    tell: Tell,
) -> RestorePlan:
    def is_live(api_version: str, kind: str) -> bool:
        return client.find_resource(api_version, kind) is not None

    with isolated(run, session, bundle, tell) as place, place.watch.step("read"):
        selected = read_selected(place, request, is_live)
    live = observe_live(client, selected.objects)
    plan = plan_restore(selected.objects, live, overwrite=request.overwrite, fingerprint=session.fingerprint)
    unreadable = [_unreadable(kind, request.namespace, why) for kind, why in selected.unreadable.items()]
    return RestorePlan((*try_plan(client, plan).items, *unreadable))


def _unreadable(kind: ServedKind, namespace: str, why: str) -> RestoreItem:
    ref = ObjectRef(kind.api_version(kind.versions[0]), kind.kind, namespace, "*")
    return RestoreItem(ref, Fate.CONFLICT, f"none of these can be read without the cluster: {why}")


@contextmanager
def isolated(run: ClusterRun, session: ClusterSession, bundle: BundleId, tell: Tell) -> Iterator[IsolatedCluster]:
    """Open the isolated place with a bundle under the programs of its own release, and leave no trace of it.

    WaitingError if another run uses it.
    """
    vault, watch = run.vault(run.cluster()), Stopwatch(tell=tell)
    manifest = vault.manifest(bundle)
    with held(run.drill_lease(), run.clock, "another run uses the isolated place", is_by_person=True):
        at = (drill_host(session).name, run.clock.now())
        place = plan_place(session, release_for(run.catalog, manifest), vault, manifest, at, watch)
        with clean_host(place.connection):
            place.open(vault)
            yield place
