"""What the gate came to: its findings, the plan, and what there is to go back to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from windlass.domain.artifacts import Lock
from windlass.domain.backup import BundleId
from windlass.domain.catalog import Release
from windlass.domain.catalog.tested import TestRecord, changed_since, is_accepted, lacking, standing
from windlass.domain.etcd.quorum import Membership
from windlass.domain.rollout.gate import GateFinding, GateLevel, GateReport
from windlass.domain.rollout.plan_details import PlanDetails
from windlass.domain.rollout.step import ADD_ONS, HOST, LEAVE, NARROW, NODE_LINE, PREPARE, WIDEN, Step
from windlass.domain.rollout.transition import REMOVES_MEMBER, STOPS_SERVER
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
    turn: Mapping[str, str] = field(default_factory=dict)
    """To which phase a change of authorities and keys goes on with the steps: see `rotation.read_turn`."""

    @property
    def needs_bundle(self) -> bool:
        """Whether something is to be changed for which a bundle is a way back.

        It is none for hosts that join, which leave the way that they came, nor for workers that leave.
        """
        joining = {host for step in self.steps if step.kind == PREPARE for host in step.hosts}
        return not self.report.blocked and not all(_leaves_all_else(step, joining) for step in self.steps)

    def with_bundle(self, found: GateFinding) -> GateResult:
        """Return the same with the finding on a bundle to go back to."""
        return replace(self, report=GateReport((*self.report.findings, found)))


def _leaves_all_else(step: Step, joining: Collection[str]) -> bool:
    """Say whether a step concerns only nodes that join, or workers that leave."""
    if step.kind == LEAVE:
        return not any(line.endswith((REMOVES_MEMBER, STOPS_SERVER)) for line in step.does)
    if step.kind == ADD_ONS:
        return all(line.startswith(NODE_LINE) for line in step.does)
    return step.kind in {PREPARE, WIDEN, NARROW} or (step.kind == HOST and set(step.hosts) <= set(joining))


def release_finding(release: Release, record: TestRecord | None, lock: Lock, *, allowed: bool) -> GateFinding:
    """Return the finding on whether a record says that the release has passed its tests, with these bytes."""
    stands = standing(release, record, lock)
    if is_accepted(stands):
        changed = changed_since(release, record, lock) if record is not None else ()
        told = f" since its tests: {', '.join(changed)}" if changed else ""
        return GateFinding("tests", GateLevel.PASSED, f"{release.version} is {stands}{told}")
    level = GateLevel.WARNING if allowed else GateLevel.BLOCKED
    remedy = f"see `windlass catalog verify {release.version}`, or set `allow_untested`"
    if stands == "flawed":
        flaws = "; ".join(one.text for one in release.found_flaws(lock) if one.is_critical)
        return GateFinding(
            "tests", level, f"{release.version} passed its tests, and has critical flaws: {flaws}", remedy
        )
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
