"""What the gate came to: its findings, the plan, and what there is to go back to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from windlass.domain.artifacts import Lock
from windlass.domain.backup import BundleId
from windlass.domain.catalog import Release
from windlass.domain.catalog.tested import TestRecord, changed_since, is_accepted, lacking, standing
from windlass.domain.etcd.quorum import Membership
from windlass.domain.rollout.gate import GateFinding, GateLevel, GateReport
from windlass.domain.rollout.plan import NARROW, PREPARE, WIDEN, Step
from windlass.domain.rollout.plan_details import PlanDetails
from windlass.operation_names import Operation

BUNDLE_AGE = timedelta(minutes=10)
"""How old a bundle may be for an upgrade to begin without another."""


@dataclass(frozen=True)
class GateResult:
    """What one look came to."""

    report: GateReport
    steps: tuple[Step, ...]
    etcd_id: str = ""
    """Which etcd it is, in hex, as bundles tell it."""
    membership: Membership = field(default_factory=lambda: Membership((), frozenset()))
    """The members of etcd as they were observed."""
    details: PlanDetails = field(default_factory=PlanDetails)
    """What the steps change in contents."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Why hosts have no part in the steps, or not all of it: they do not answer, or those that do not are needed."""

    @property
    def needs_bundle(self) -> bool:
        """Whether something that runs is to be changed, for which there has to be a way back.

        What only joins takes nothing away, and leaves the way that it came.
        """
        joining = {host for step in self.steps if step.kind == PREPARE for host in step.hosts}
        is_addition = bool(joining) and all(
            step.kind in {PREPARE, WIDEN, NARROW} or set(step.hosts) <= joining for step in self.steps
        )
        return bool(self.steps) and not self.report.blocked and not is_addition

    def with_bundle(self, found: GateFinding) -> GateResult:
        """Return the same with the finding on a bundle to go back to."""
        return replace(self, report=GateReport((*self.report.findings, found)))


def release_finding(release: Release, record: TestRecord | None, lock: Lock, *, allowed: bool) -> GateFinding:
    """Return the finding on whether a record says that the release has passed its tests, with these bytes."""
    stands = standing(release, record, lock)
    if is_accepted(stands):
        changed = changed_since(release, record, lock) if record is not None else ()
        told = f" since its tests: {', '.join(changed)}" if changed else ""
        return GateFinding("tests", GateLevel.PASSED, f"{release.version} is {stands}{told}")
    level = GateLevel.WARNING if allowed else GateLevel.BLOCKED
    remedy = f"see `windlass catalog verify {release.version}`, or set `allow_untested`"
    why = lacking(record) or stands
    return GateFinding("tests", level, f"no record says that {release.version} has passed its tests ({why})", remedy)


def is_young(bundle: BundleId, now: datetime) -> bool:
    """Tell whether an upgrade may begin with this bundle to go back to."""
    return now - bundle.time <= BUNDLE_AGE


def young_bundle(bundle: BundleId, now: datetime) -> GateFinding:
    """Return the finding on a bundle that is there."""
    age = (now - bundle.time).total_seconds() / 60
    return GateFinding("bundle", GateLevel.PASSED, f"{bundle}, verified, {age:.0f} min old")


def bundle_to_come() -> GateFinding:
    """Return the finding of a plan."""
    return GateFinding("bundle", GateLevel.PASSED, "a fresh one is taken before anything is changed")


def bundle_taken(bundle: str) -> GateFinding:
    """Return the finding on a bundle that the gate has taken itself."""
    return GateFinding("bundle", GateLevel.PASSED, f"{bundle}, taken and verified now")


def no_bundle(error: Exception) -> GateFinding:
    """Return the finding that there is no way back."""
    remedy = f"see what keeps backups from being taken: `{Operation.BACK_UP}`"
    return GateFinding("bundle", GateLevel.BLOCKED, f"no bundle could be taken: {error}", remedy)
