"""What remediation does with workers as a group: the limit on how many, and which nodes take new pods."""

from __future__ import annotations

import math
from collections.abc import Iterator

from windlass.domain.host.health import ClusterHealth
from windlass.domain.remediation.actions import Action, Deferred, NeedsOperator
from windlass.domain.spec.models import Repair as RepairSettings

DISK = "/disk"
"""How the key ends of what people are notified of about a full disk."""


def limit_workers(
    settings: RepairSettings, observed: ClusterHealth, now: list[Action]
) -> tuple[list[Action], list[Deferred], list[NeedsOperator]]:
    """Return which of `now` may go on, which may not, and whether an operator is needed as none may."""
    workers = [host for host in observed.hosts if host.is_worker]
    ours = [one for one in now if observed.host(one.host).is_worker]
    unhealthy = [host.name for host in workers if observed.is_unhealthy(host)]
    allowed = allowed_workers(settings.max_unhealthy_workers, len(workers))
    if ours and len(unhealthy) > allowed:
        who = f"{len(unhealthy)} of {len(workers)} workers are unhealthy ({', '.join(unhealthy)})"
        why = f"{who}, and remediation may go on at most {allowed}"
        need = NeedsOperator(
            "workers", why, "look for what they have in common, or raise spec.repair.maxUnhealthyWorkers"
        )
        return (
            [one for one in now if one not in ours],
            _deferred(ours, "the worker limit defers all actions on workers"),
            [need],
        )
    # What works and only differs is not changed everywhere at once: what it is changed into may not work.
    differing = list(dict.fromkeys(one.host for one in ours if one.is_drift))[max(1, allowed) :]
    later = [one for one in ours if one.is_drift and one.host in differing]
    return [one for one in now if one not in later], _deferred(later, "other workers that differ are first"), []


def _deferred(actions: list[Action], because: str) -> list[Deferred]:
    return [Deferred(one, because) for one in actions]


def allowed_workers(share: int | str, workers: int) -> int:
    """Return how many unhealthy workers are acted on; of a percentage above zero at least one."""
    if isinstance(share, int):
        return share
    percent = int(share.removesuffix("%"))
    return 0 if percent == 0 else max(1, math.floor(workers * percent / 100))


def cordons(observed: ClusterHealth, needs_operator: list[NeedsOperator]) -> Iterator[Action]:
    """Keep new pods off a worker that remediation has given up on."""
    # On a full disk kubelet itself keeps new pods off.
    given_up = {
        need.key.partition("/")[0] for need in needs_operator if "/" in need.key and not need.key.endswith(DISK)
    }
    for host in observed.hosts:
        if host.is_worker and host.is_reachable and host.name in given_up and host.is_cordoned is False:
            yield Action("cordon", host.name, "host", "remediation has given up on it")


def uncordons(observed: ClusterHealth, needs_operator: list[NeedsOperator], desired: list[Action]) -> Iterator[Action]:
    """Open what remediation has cordoned, once all of it is known to be healthy, and no node that others cordoned."""
    troubled = {need.key.partition("/")[0] for need in needs_operator} | {one.host for one in desired}
    for host in observed.hosts:
        if host.has_our_cordon and host.name not in troubled and observed.is_healthy(host):
            yield Action("uncordon", host.name, "host", "all of it is healthy again")
