"""What a cluster is and what a change would do: `plan`, `audit`, `certificates`. Nothing is changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from windlass.domain.pki.calendar import CalendarEntry, calendar
from windlass.domain.pki.model import Pki
from windlass.domain.remote import AuditArguments, CertificatesArguments, PlanArguments
from windlass.domain.rollout.upgrade_path import UpgradeRequest
from windlass.effects.store import ClusterRecords
from windlass.errors import SpecError
from windlass.operations.commands.command_context import CommandContext
from windlass.operations.hardening.audit import audit_cluster
from windlass.operations.rollout.upgrade import plan_upgrade


def plan(context: CommandContext, given: PlanArguments) -> int:
    """Plan, and show the plan as text or as JSON; RefusedError says what holds it up, SpecError what is wrong."""
    request = UpgradeRequest(
        version=given.to,
        spec=given.spec,
        stop_after=given.stop_after,
        plan_only=True,
        allow_untested=given.allow_untested,
        gone=given.gone,
        accept_new_host_key=given.accept_new_host_key,
        plan_digest=given.plan_digest,
    )
    # With JSON whatever is told for people goes to where errors go, so that a plan that is refused is seen too.
    found = plan_upgrade(context.open_run(), request, context.tell if given.as_json else context.show)
    if given.as_json:
        context.show(json.dumps(found.value["plan"], indent=2, ensure_ascii=False))
    return 0


def audit(context: CommandContext, given: AuditArguments) -> int:
    """Audit, show the report, and return 0 if every control is met or explained, else 1."""
    report = audit_cluster(context.open_run())
    as_json = json.dumps(report.value(), indent=2, ensure_ascii=False) if given.as_json else ""
    context.show(as_json or "\n".join(report.lines()))
    return 0 if report.is_good else 1


def certificates(context: CommandContext, given: CertificatesArguments) -> int:
    """Show every certificate and key of the cluster with its end."""
    services = context.services
    pki = ClusterRecords(services.store, context.cluster).pki(services.keys)
    if pki is None:
        raise SpecError(f"the store has no certificates of a cluster `{context.cluster}`; see `windlass apply`")
    context.show(listed(pki, services.clock.now(), within=given.within, as_json=given.as_json))
    return 0


def listed(pki: Pki, now: datetime, *, within: int | None = None, as_json: bool = False) -> str:
    """Return the certificates and keys of a PKI as lines for people, or as JSON; no key is in either."""
    entries = [one for one in calendar(pki) if _is_within(one.days_left(now), within)]
    if as_json:
        return json.dumps({"certificates": [one.value(now) for one in entries], "rotations": _rotations(pki)}, indent=1)
    return "\n".join([*_table(entries, now), *_told(pki)])


def _is_within(days: int | None, within: int | None) -> bool:
    return within is None or (days is not None and days <= within)


def _table(entries: Iterable[CalendarEntry], now: datetime) -> Iterator[str]:
    yield f"{'NAME':<36} {'DAYS':>6}  {'NOT AFTER':<17}  {'ISSUER':<44}  USED"
    for one in entries:
        days, ends = one.days_left(now), f"{one.not_after:%Y-%m-%d %H:%MZ}" if one.not_after else "-"
        used = one.used if one.state == "in use" else f"{one.used} ({one.state})"
        yield f"{one.name:<36} {'-' if days is None else days:>6}  {ends:<17}  {one.issuer or '-':<44}  {used}"


def _rotations(pki: Pki) -> dict[str, Any]:
    return {
        what.value: {"phase": rotation.phase.value, "since": rotation.since.isoformat()}
        for what, rotation in pki.rotations.items()
    }


def _told(pki: Pki) -> Iterator[str]:
    for what, rotation in pki.rotations.items():
        yield f"{what.value} is being changed: phase {rotation.phase.value} since {rotation.since:%Y-%m-%d %H:%MZ}"
