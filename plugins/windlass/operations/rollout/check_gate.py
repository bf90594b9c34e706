"""Observe everything that an upgrade could stumble over, judge and plan by it, and see to a bundle to go back to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from windlass.domain.backup import BundleId
from windlass.domain.pki import Pki, issue_pki
from windlass.domain.pki.rotation import advance
from windlass.domain.rollout import PREFETCH, GateReport, Step, plan_rollout
from windlass.domain.rollout.gate import GateFinding, without_passed
from windlass.domain.rollout.gate_artifacts import flaws_finding, lock_finding
from windlass.domain.rollout.gate_result import (
    GateResult,
    bundle_taken,
    bundle_to_come,
    is_young,
    no_bundle,
    release_finding,
    young_bundle,
)
from windlass.domain.rollout.gate_rules import GateInputs, judge_gate
from windlass.domain.rollout.kubeconfigs import kubeconfig_findings
from windlass.domain.rollout.rehearsal_record import rehearsal_finding
from windlass.domain.rollout.rights_left import rights_findings
from windlass.domain.rollout.rotation import turn_value
from windlass.domain.rollout.step import PREPARE
from windlass.domain.rollout.upgrade_path import (
    UpgradePath,
    UpgradeRequest,
    check_hosts_of,
    check_machines,
    upgrade_path,
    with_left_hosts,
)
from windlass.effects.bundles import Vault
from windlass.effects.store.rehearsals import last_rehearsal
from windlass.errors import IntegrityError, UnreachableError, WindlassError
from windlass.operations.apply.taken_addresses import taken_addresses
from windlass.operations.backup.take import take_bundle
from windlass.operations.cluster import ClusterSession
from windlass.operations.rollout.ask_api import lacking_artifacts
from windlass.operations.rollout.contents import plan_details
from windlass.operations.rollout.context import Views, session_at
from windlass.operations.rollout.gather import GatheredInputs, gather
from windlass.operations.rollout.host_keys import accept_host_keys
from windlass.operations.rollout.rotation import RotationStep, next_step, rotating_pki
from windlass.operations.run import ClusterRun, Tell


def path_of(run: ClusterRun, request: UpgradeRequest) -> UpgradePath:
    """Return where the run leads; RefusedError or SpecError if no rollout may go there."""
    running = run.cluster()
    given = run.desired(request.spec) if request.spec else None
    path = upgrade_path(run.catalog, running, given, request.version)
    rollout, left = run.records.rollout(), run.records.left_hosts()
    path = with_left_hosts(replace(path, known=rollout.members if rollout else ()), left, request.gone)
    check_hosts_of(path, request)
    return path


@contextmanager
def open_views(run: ClusterRun, path: UpgradePath) -> Iterator[Views]:
    """Give the cluster as it shall be, as it was, and with all that joins and leaves, on the same connections."""
    transition = path.transition
    with run.session(transition.during) as during:
        session = replace(during, cluster=path.after)
        old = run.catalog.release(path.before.spec.kubernetes.version)
        is_same = old == during.release and path.before.spec.artifacts == path.after.spec.artifacts
        source = (during.lock, during.mirror) if is_same else run.artifacts(path.before, old)
        yield Views(session, session_at(during, path.before, old, source), during, transition)


def planned_pki(run: ClusterRun, path: UpgradePath) -> Pki:
    """Return the PKI as the rollout will have it, with what is missing issued for the look alone; nothing is stored."""
    during = path.transition.during
    return issue_pki(during, run.clock.now(), run.pki(), run.authorities(during))


def check_gate(run: ClusterRun, path: UpgradePath, request: UpgradeRequest, tell: Tell) -> GateResult:
    """Return findings and plan, with a bundle to go back to if something is to be changed."""
    result = _observe(run, path, request, tell)
    if not result.needs_bundle:
        return result
    return result.with_bundle(fresh_bundle(run, path, result.etcd_id, tell, take=not request.plan_only))


def _observe(run: ClusterRun, path: UpgradePath, request: UpgradeRequest, tell: Tell) -> GateResult:
    with open_views(run, path) as opened:
        missing, taken = run.missing_hosts(path.after), taken_addresses(run, path.after)
        check_machines(path, missing)
        views = replace(opened, to_be_made=missing, taken=taken)
        keys = accept_host_keys(run, views.during, request, tell)
        pki = planned_pki(run, path)
        found = gather(views, pki)
        for name, host in found.hosts.items():
            run.records.check_host(name, host.observed.facts.store_marks)
        rotating = rotating_pki(run, request, pki)
        rotation = next_step(run, views, rotating, found) if request.rotates else RotationStep()
        if rotation.turn:
            pki = _advanced(run, path, rotating, rotation)
            found = gather(views, pki)
        tested = (*_tested(run, path, request, views), *_offered(views.session))
        tested += (*kubeconfig_findings(path.before, path.after), *rights_findings(path.before, path.after))
        details = plan_details(views.session, pki, found.hosts, found.gate_inputs.states).with_lines(found.add_ons)
        steps = plan_rollout(
            path.after,
            found.gate_inputs.states,
            leader=found.leader,
            add_ons=tuple(found.add_ons),
            changes=found.changes,
        )
        inputs = _with_what_is_fetched(found, steps, views)
    report = judge_gate(path.after, path.release, inputs, steps, datetime.now(UTC))
    left_out = {**inputs.unreachable, **inputs.held}
    all_found = GateReport((*tested, *keys, *rotation.findings, *report.findings))
    return GateResult(all_found, steps, found.etcd_id, inputs.listed, details, left_out, turn_value(rotation.turn))


def _with_what_is_fetched(found: GatheredInputs, steps: Sequence[Step], views: Views) -> GateInputs:
    """Return the inputs with what the mirror lacks; where no step fetches, neither that nor room on disks matters."""
    if any(step.kind in {PREFETCH, PREPARE} for step in steps) or views.to_be_made:
        architectures = {name: look.observed.facts.architecture for name, look in found.hosts.items()}
        return replace(found.gate_inputs, lacking=lacking_artifacts(views.session, architectures))
    return replace(found.gate_inputs, needed_kib={})


def _advanced(run: ClusterRun, path: UpgradePath, pki: Pki, rotation: RotationStep) -> Pki:
    """Return the PKI as it will be in the next phase, for the look alone; nothing is stored."""
    now = run.clock.now()
    return issue_pki(path.transition.during, now, advance(pki, rotation.turn, now))


def _tested(run: ClusterRun, path: UpgradePath, request: UpgradeRequest, views: Views) -> tuple[GateFinding, ...]:
    """Return the findings on the target's tests and known flaws; none where the release is the one that runs."""
    if not path.is_upgrade:
        return ()
    record = run.release_tests(path.release.version)
    tests = release_finding(path.release, record, views.session.lock, allowed=request.allow_untested)
    return (tests, *without_passed(flaws_finding(path.release, views.session.lock)), *_rehearsed(run, path))


def _rehearsed(run: ClusterRun, path: UpgradePath) -> tuple[GateFinding, ...]:
    """Return the finding on the last rehearsal; the stored spec says whether one is required, or the new one."""
    target = path.release.version
    is_required = "required" in {one.spec.upgrade.rehearsal for one in (path.before, path.after)}
    record = last_rehearsal(run.store, run.name, target)
    return rehearsal_finding(record, target, run.clock.now(), is_required=is_required)


def _offered(session: ClusterSession) -> tuple[GateFinding, ...]:
    """Return the finding on a mirror that offers another lock than the one that holds; what is missing is another's."""
    mirror = session.mirror.files
    try:
        offered = session.clients.offered_lock(mirror) if mirror else session.lock
    except (IntegrityError, UnreachableError):
        return ()
    return without_passed(lock_finding(mirror, session.lock, offered))


def fresh_bundle(run: ClusterRun, path: UpgradePath, etcd_id: str, tell: Tell, *, take: bool) -> GateFinding:
    """Return the finding on a bundle to go back to: the newest one if it is young, else one taken now.

    One of another etcd (`etcd_id` is this one's), such as of a cluster of the same name before this one, is none.
    Without `take` none is taken, and the finding says that one will be.
    """
    vault, now = run.vault(path.before), datetime.now(UTC)
    newest = _newest_good(vault)
    if newest is not None and is_young(newest, now) and vault.manifest(newest).etcd.cluster_id == etcd_id:
        return young_bundle(newest, now)
    if not take:
        return bundle_to_come()
    try:
        with run.session(path.before) as session:
            manifest = take_bundle(session, run.pki(), vault, str(run.owner))
    except WindlassError as error:
        return no_bundle(error)
    tell(f"bundle {manifest.id} was taken and verified")
    return bundle_taken(manifest.id)


def _newest_good(vault: Vault) -> BundleId | None:
    return next((one.bundle for one in vault.candidates(limit=1) if one.is_good), None)
