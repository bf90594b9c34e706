"""The plan of a rollout as people, pages, pipelines and approvals know it; one value for all of them.

Its digest names what will be done: the steps, their lines, and the contents that are written. What only describes the
moment (findings, what steps took last, which member of etcd leads) is not in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any

from windlass.domain.etcd.quorum import Membership
from windlass.domain.rollout.durations import StepDurations, duration_text
from windlass.domain.rollout.gate import GateReport
from windlass.domain.rollout.gate_result import GateResult
from windlass.domain.rollout.plan_details import Lines, PlanDetails
from windlass.domain.rollout.plan_quorum import QuorumEffect, quorum_along
from windlass.domain.rollout.step import API_SERVER, API_SERVICE, ETCD, ETCD_SERVICE, HOST, PROXY, Step
from windlass.domain.rollout.upgrade_path import UpgradePath
from windlass.domain.spec import dump_cluster
from windlass.domain.spec.placement import placement_changes
from windlass.domain.spec.private import Fingerprint

_NO_RESTART = frozenset({"files", "settings", "certificates", "programs", "hooks", "cordon", PROXY})


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


_OF_OTHER_STEPS = frozenset({ETCD_SERVICE, API_SERVICE})


@dataclass(frozen=True)
class PlannedStep:
    """One step, with all that is to be known of it beforehand."""

    step: Step
    details: Lines
    """What differs, by the line of the step that it belongs to."""
    remarks: Lines
    """What is so at the moment, by line."""
    restarts: Lines
    """The components that start again, by host."""
    quorum: tuple[QuorumEffect, ...]
    """What it does to etcd's quorum after all steps before it, for each member that it touches."""
    last_seconds: float | None
    """How long such a step took last; None if none is known of."""

    def value(self, shown: Lines) -> dict[str, Any]:
        """Return the step as plain values, with details as they are `shown`."""
        return {
            **self.step.value(),
            "details": {line: list(shown[line]) for line in self.step.does if line in shown},
            "remarks": {line: list(told) for line, told in self.remarks.items()},
            "restarts": {host: list(names) for host, names in self.restarts.items()},
            "quorum": [one.value() for one in self.quorum],
            "last_seconds": self.last_seconds,
        }


@dataclass(frozen=True)
class RolloutPlan:
    """What a rollout will do to a cluster, and what its gate has found."""

    cluster: str
    name: str
    """From where to where, such as `v1.36.3 -> v1.37.2`."""
    versions: tuple[str, str]
    """Of Kubernetes: the one that runs, and the desired one."""
    report: GateReport
    steps: tuple[PlannedStep, ...]
    contents: Mapping[str, str] = field(default_factory=dict)
    """The digests of what will be written, by host and path or component."""
    spec: str = ""
    """The digest of the desired spec."""
    notes: tuple[str, ...] = ()
    """What the catalog says of the release."""
    placement: tuple[str, ...] = ()
    """Where stacks come to run, in words."""
    sign: Fingerprint = _sha256
    """Makes the digest. Secrets are among the contents: whoever knows all else must not find them by trying."""

    @cached_property
    def digest(self) -> str:
        """What tells what will be done from all else: 64 hexadecimal digits, see `sign`."""
        done = {
            "cluster": self.cluster,
            "from": self.versions[0],
            "to": self.versions[1],
            "spec": self.spec,
            "steps": [_canonical(planned) for planned in _ordered(self.steps)],
            "contents": dict(self.contents),
        }
        text = json.dumps(done, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return self.sign(text)

    def value(self) -> dict[str, Any]:
        """Return all of it as plain values, for XCom, REST and commands."""
        shown = self.shown_details
        return {
            "cluster": self.cluster,
            "from": self.versions[0],
            "to": self.versions[1],
            "digest": self.digest,
            "findings": self.report.value(),
            "steps": [planned.value(shown) for planned in self.steps],
        }

    def text(self) -> str:
        """Return findings and plan for people."""
        return "\n".join(self._lines())

    @property
    def shown_details(self) -> dict[str, tuple[str, ...]]:
        """The details of all steps by their line; what differs just so on a host before only names that host."""
        shown: dict[str, tuple[str, ...]] = {}
        first: dict[tuple[str, tuple[str, ...]], str] = {}
        for planned in self.steps:
            for line, told in planned.details.items():
                host, _, change = line.partition(": ")
                known = first.setdefault((change, told), host) if host in planned.step.hosts else host
                shown[line] = told if known == host or len(told) == 1 else (f"as on {known}",)
        return shown

    def _lines(self) -> Iterator[str]:
        yield from (f"cluster `{self.cluster}`, {self.name}", f"plan {self.digest}", "", "The gate:")
        yield from (f"  {line}" for line in str(self.report).splitlines())
        yield ""
        yield from (f"Note: {note}" for note in self.notes)
        yield from (f"Placement: {one}" for one in self.placement)
        yield ""
        yield f"The plan, {len(self.steps)} steps:" if self.steps else "The plan: nothing to do"
        shown = self.shown_details
        for planned in self.steps:
            yield f"  {planned.step.label}{took_last(planned.last_seconds)}"
            for line in planned.step.does:
                yield f"    - {line}"
                yield from (f"        {told}" for told in planned.remarks.get(line, ()))
                yield from (f"        {told}" for told in shown.get(line, ()))
            yield from (f"    - {told}" for told in effects_of(planned))


def rollout_plan(
    path: UpgradePath,
    gate: GateResult,
    steps: Sequence[Step],
    durations: StepDurations | None = None,
    sign: Fingerprint | None = None,
) -> RolloutPlan:
    """Return the plan of `steps`, with what the gate has found out about them."""
    return RolloutPlan(
        path.after.name,
        path.name,
        (path.before.spec.kubernetes.version, path.release.version),
        gate.report,
        planned_steps(steps, gate.membership, gate.details, durations),
        _contents(steps, gate.details),
        hashlib.sha256(dump_cluster(path.after).encode()).hexdigest(),
        tuple(path.release.notes) if path.is_upgrade else (),
        placement_changes(path.before, path.after),
        sign or _sha256,
    )


def planned_steps(
    steps: Sequence[Step], membership: Membership, details: PlanDetails, durations: StepDurations | None = None
) -> tuple[PlannedStep, ...]:
    """Return `steps` with all that is to be known of them, given the members of etcd as they were observed."""
    known, quorum = durations or StepDurations(), quorum_along(membership, steps)
    return tuple(_planned(step, details, effects, known) for step, effects in zip(steps, quorum, strict=True))


def effects_of(planned: PlannedStep) -> Iterator[str]:
    """Yield what a step does to what runs, in words: what starts again, and etcd's quorum."""
    if planned.restarts:
        yield "restarts: " + "; ".join(f"{host}: {', '.join(names)}" for host, names in planned.restarts.items())
    yield from (f"quorum: {one}" for one in planned.quorum)


def took_last(seconds: float | None, *, each: bool = False) -> str:
    """Say how long such a step took last, of several `each` at most; nothing where that is not known."""
    if seconds is None:
        return ""
    return f" (took {'at most ' if each else ''}{duration_text(seconds)}{' each' if each else ''} last time)"


def _planned(
    step: Step, details: PlanDetails, quorum: tuple[QuorumEffect, ...], durations: StepDurations
) -> PlannedStep:
    lines, remarks = (
        {line: told[line] for line in step.does if told.get(line)} for told in (details.lines, details.remarks)
    )
    restarts = {host: names for host in step.hosts if (names := _restarts(step, details.parts.get(host, ())))}
    return PlannedStep(step, lines, remarks, restarts, quorum, durations.last(step))


def _restarts(step: Step, parts: Sequence[str]) -> tuple[str, ...]:
    """Return the components of a host that start again in a step; those of kinds that start none are none."""
    if step.kind == ETCD:
        found = [part for part in parts if part == ETCD_SERVICE]
    elif step.kind == API_SERVER:
        found = [part for part in parts if part == API_SERVICE]
    elif step.kind == HOST:
        found = [part for part in parts if part not in _NO_RESTART | _OF_OTHER_STEPS]
    else:
        found = []
    return tuple(part.rpartition("/")[2] for part in found)


def _contents(steps: Sequence[Step], details: PlanDetails) -> dict[str, str]:
    """Return the digests of what is written on the hosts of `steps`, which may be a part of all steps."""
    hosts = {host for step in steps for host in step.hosts}
    return {name: digest for name, digest in details.contents.items() if name.partition(":")[0] in hosts}


def _ordered(steps: Sequence[PlannedStep]) -> Iterator[PlannedStep]:
    """Yield steps in their order, but members of etcd by name: the leader goes last, and may change at any time."""
    for kind, group in groupby(steps, key=lambda planned: planned.step.kind):
        same = list(group)
        yield from sorted(same, key=lambda planned: planned.step.hosts) if kind == ETCD else same


def _canonical(planned: PlannedStep) -> dict[str, Any]:
    step = planned.step
    return {
        "kind": step.kind,
        "hosts": list(step.hosts),
        "does": list(step.does),
        "drains": step.drains,
        "details": {line: list(told) for line, told in planned.details.items()},
    }
