"""What the steps of an upgrade share: where it leads, what a look at everything came to, a bundle to go back to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from airflow.sdk import Context

from windlass.airflow.run_context import RunContext
from windlass.domain.artifacts import Lock
from windlass.domain.catalog import Release
from windlass.domain.catalog.tested import changed_since, is_accepted, lacking, standing
from windlass.domain.etcd.quorum import Membership
from windlass.domain.rollout import GateReport, Step, check_target, plan_rollout
from windlass.domain.rollout.gate import GateFinding, GateLevel
from windlass.domain.rollout.gate_rules import judge
from windlass.domain.rollout.immutable import refuse_what_no_rollout_changes
from windlass.domain.rollout.question import RolloutQuestion, quorum_after
from windlass.domain.spec import Cluster
from windlass.errors import WindlassError
from windlass.operation_names import Operation
from windlass.operations.backup.take import take_bundle
from windlass.operations.cluster import ClusterSession
from windlass.operations.rollout.context import at_version, session_at
from windlass.operations.rollout.gather import gather

BUNDLE_AGE = timedelta(minutes=10)
"""How old a bundle may be for an upgrade to begin without another."""


@dataclass(frozen=True)
class UpgradePath:
    """Where a run starts from and where it goes: two specs with their releases."""

    before: Cluster
    after: Cluster
    release: Release

    @property
    def name(self) -> str:
        """Say it in words."""
        versions = (self.before.spec.kubernetes.version, self.after.spec.kubernetes.version)
        return " -> ".join(versions) if versions[0] != versions[1] else f"{versions[0]} with a changed spec"

    @classmethod
    def of(cls, context: Context, run: RunContext) -> UpgradePath:
        """Read it from the params; RefusedError or SpecError if it may not be."""
        params, before = context["params"], run.cluster()
        running = before.spec.kubernetes.version
        given = run.desired(params["spec"]) if params.get("spec") else before
        version = params.get("version") or (given.spec.kubernetes.version if params.get("spec") else running)
        release = check_target(run.catalog, running, version)
        refuse_what_no_rollout_changes(before, given)
        return cls(before, at_version(given, version), release)


@contextmanager
def sites(run: RunContext, upgrade_path: UpgradePath) -> Iterator[tuple[ClusterSession, ClusterSession]]:
    """Give the cluster as it shall be, and as it was before, on the same connections."""
    with run.session(upgrade_path.before) as before:
        source = run.artifacts(upgrade_path.after, upgrade_path.release)
        yield session_at(before, upgrade_path.after, upgrade_path.release, source), before


@dataclass(frozen=True)
class GateResult:
    """What one look came to."""

    report: GateReport
    steps: tuple[Step, ...]
    etcd_id: str = ""
    """Which etcd it is, in hex, as bundles tell it."""
    membership: Membership = field(default_factory=lambda: Membership((), frozenset()))
    """The members of etcd as they were seen."""

    def with_bundle(self, found: GateFinding) -> GateResult:
        """Return the same with the finding on a bundle to go back to."""
        return replace(self, report=GateReport((*self.report.findings, found)))


def check_gate(run: RunContext, upgrade_path: UpgradePath, *, allow_untested: bool) -> GateResult:
    """Look at everything, and judge and plan by it."""
    with sites(run, upgrade_path) as (session, before):
        found = gather(session, before, run.pki())
        tested = _tested(run, upgrade_path.release, session.lock, allowed=allow_untested)
    states = found.gate_inputs.states
    is_seen = all(host.name in states for host in session.hosts)
    steps = plan_rollout(upgrade_path.after, states, leader=found.leader, add_ons=found.add_ons) if is_seen else ()
    report = judge(upgrade_path.after, upgrade_path.release, found.gate_inputs, steps, datetime.now(UTC))
    findings = (tested, *report.findings)
    return GateResult(GateReport(findings), steps, found.etcd_id, found.gate_inputs.membership)


def _tested(run: RunContext, release: Release, lock: Lock, *, allowed: bool) -> GateFinding:
    """Return the finding on whether a record says that the release has passed its tests, with these bytes."""
    record = run.services.release_tests(release.version)
    stands = standing(release, record, lock)
    if is_accepted(stands):
        changed = changed_since(release, record, lock) if record is not None else ()
        told = f" since its tests: {', '.join(changed)}" if changed else ""
        return GateFinding("tests", GateLevel.PASSED, f"{release.version} is {stands}{told}")
    verdict = GateLevel.WARNING if allowed else GateLevel.BLOCKED
    remedy = f"see `windlass catalog verify {release.version}`, or set `allow_untested`"
    why = lacking(record) or stands
    return GateFinding("tests", verdict, f"no record says that {release.version} has passed its tests ({why})", remedy)


def fresh_bundle(
    run: RunContext, upgrade_path: UpgradePath, etcd_id: str, tell: Callable[[str], None], *, take: bool
) -> GateFinding:
    """Return the finding on a bundle to go back to: the newest one if it is young, else one taken now.

    One of another etcd (`etcd_id` is this one's), such as of a cluster of the same name before this one, is none.
    Without `take` none is taken, and the finding says that one will be.
    """
    vault, now = run.vault(upgrade_path.before), datetime.now(UTC)
    newest = next((one.bundle for one in vault.candidates(limit=1) if one.is_good), None)
    if newest is not None and now - newest.time <= BUNDLE_AGE and vault.manifest(newest).etcd.cluster_id == etcd_id:
        age = (now - newest.time).total_seconds() / 60
        return GateFinding("bundle", GateLevel.PASSED, f"{newest}, verified, {age:.0f} min old")
    if not take:
        return GateFinding("bundle", GateLevel.PASSED, "a fresh one is taken before anything is changed")
    try:
        with run.session(upgrade_path.before) as session:
            manifest = take_bundle(session, run.pki(), vault, str(run.owner))
    except WindlassError as error:
        remedy = f"see what keeps backups from being taken: `{Operation.BACK_UP}`"
        return GateFinding("bundle", GateLevel.BLOCKED, f"no bundle could be taken: {error}", remedy)
    tell(f"bundle {manifest.id} was taken and verified")
    return GateFinding("bundle", GateLevel.PASSED, f"{manifest.id}, taken and verified now")


def plan_text(upgrade_path: UpgradePath, gate_result: GateResult, steps: tuple[Step, ...]) -> str:
    """Return findings and plan for people, and what the steps on etcd's members do to its quorum."""
    lines = [
        f"cluster `{upgrade_path.after.name}`, {upgrade_path.name}",
        "",
        "The gate:",
        *(f"  {line}" for line in str(gate_result.report).splitlines()),
    ]
    lines += ["", *(f"Note: {note}" for note in upgrade_path.release.notes)]
    lines += ["", f"The plan, {len(steps)} steps:" if steps else "The plan: nothing to do"]
    for step in steps:
        lines += [f"  {step.label}", *(f"    - {does}" for does in step.does)]
        lines += [f"    - quorum: {told}" for told in quorum_after(gate_result.membership, step)]
    return "\n".join(lines)


def question_of(upgrade_path: UpgradePath, gate_result: GateResult, steps: tuple[Step, ...]) -> RolloutQuestion:
    """Return what a person is asked who is to approve `steps`."""
    name, notes = upgrade_path.after.name, tuple(upgrade_path.release.notes)
    return RolloutQuestion(name, upgrade_path.name, gate_result.report, steps, gate_result.membership, notes)
