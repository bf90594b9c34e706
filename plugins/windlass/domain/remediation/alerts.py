"""What people are notified of, once when it begins and once when it is over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from windlass.domain.host.health import ClusterHealth
from windlass.domain.remediation.actions import Action, NeedsOperator, RemediationPlan
from windlass.domain.remediation.notes import Note

DRIFT = "drift "
"""How the key of an alert about drift that is only reported begins."""


def standing_alerts(
    before: Mapping[str, str], observed: ClusterHealth, plan: RemediationPlan, waiting: frozenset[str]
) -> dict[str, str]:
    """Return the alerts that stand now, by key: the plan's, and those of which nobody knows that they are over.

    `waiting` are the components, besides those of the plan, on which an action is under way.
    """
    stand = {need.key: str(need) for need in plan.needs_operator}
    stand |= {f"{DRIFT}{one.key}": _drift_text(one) for one in plan.reported}
    waiting |= {one.action.key for one in plan.deferred} | {one.key for one in plan.actions}
    return stand | {
        key: text
        for key, text in before.items()
        if key not in stand and _may_stand(key.removeprefix(DRIFT), observed, waiting, is_drift=key.startswith(DRIFT))
    }


def _may_stand(key: str, observed: ClusterHealth, waiting: frozenset[str], *, is_drift: bool) -> bool:
    """Say whether nobody knows that an alert is over: its component was not observed, or only waits."""
    if key in waiting:
        return True
    name, _, component = key.partition("/")
    if key.startswith("/"):  # of an add-on only the API knows
        return observed.addons is None
    host = next((one for one in observed.hosts if one.name == name), None)
    # Of a host itself, and of what the monitor has found (`KEY KIND`), it is known whether it is over.
    if host is None or component == "host" or " " in component:
        return False
    return not (host.is_compared if is_drift else host.is_reachable)


def alert_notes(
    needs_operator: tuple[NeedsOperator, ...], stand: Mapping[str, str], before: Mapping[str, str]
) -> Iterator[Note]:
    """Return the lines that people are notified of: what needs them since now, and what no longer does."""
    for need in needs_operator:
        if need.key not in before:
            host = need.key.partition("/")[0] if "/" in need.key else ""
            yield Note(str(need), "error", host, need.key.rpartition("/")[2], key=need.key)
    for key, text in before.items():
        if key not in stand:
            host = key.removeprefix(DRIFT).partition("/")[0] if "/" in key else ""
            yield Note(f"over: {text.partition(';')[0]}", "info", host, key.rpartition("/")[2], key=key)


def drift_notes(reported: tuple[Action, ...], before: Mapping[str, str]) -> Iterator[Note]:
    """Return the lines on drift that is only reported, for what is no alert yet."""
    for one in reported:
        key = f"{DRIFT}{one.key}"
        if key not in before:
            yield Note(_drift_text(one), "warning", one.host, one.component, key=key)


def _drift_text(action: Action) -> str:
    return f"drift, only shown: {action}"
