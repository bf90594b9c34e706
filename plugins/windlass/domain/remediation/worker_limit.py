"""What repair does with workers as a group: the brake on how many, and which nodes take new pods."""

from __future__ import annotations

import math
from collections.abc import Iterator

from windlass.domain.host.health import ClusterHealth
from windlass.domain.remediation.actions import Action, Deferred, NeedsOperator
from windlass.domain.spec.models import Repair as RepairSettings

DISK = "/disk"
"""How the key ends of what people are told of a full disk."""


def brake_workers(
    settings: RepairSettings, seen: ClusterHealth, now: list[Action]
) -> tuple[list[Action], list[Deferred], list[NeedsOperator]]:
    """Return which of `now` may go on, which may not, and what people are told where the brake holds all of them."""
    workers = [host for host in seen.hosts if host.is_worker]
    ours = [one for one in now if seen.host(one.host).is_worker]
    ill = [host.name for host in workers if seen.is_ill(host)]
    allowed = allowed_workers(settings.max_unhealthy_workers, len(workers))
    if ours and len(ill) > allowed:
        why = f"{len(ill)} of {len(workers)} workers are ill ({', '.join(ill)}), and repair may go on at most {allowed}"
        stop = NeedsOperator(
            "workers", why, "look for what they have in common, or raise spec.repair.maxUnhealthyWorkers"
        )
        return [one for one in now if one not in ours], _held(ours, "the brake holds all repairs of workers"), [stop]
    # What works and only differs is not changed everywhere at once: what it is changed into may not work.
    differing = list(dict.fromkeys(one.host for one in ours if one.is_drift))[max(1, allowed) :]
    later = [one for one in ours if one.is_drift and one.host in differing]
    return [one for one in now if one not in later], _held(later, "other workers that differ are first"), []


def _held(repairs: list[Action], because: str) -> list[Deferred]:
    return [Deferred(one, because) for one in repairs]


def allowed_workers(share: int | str, workers: int) -> int:
    """Return how many ill workers are repaired; of a percentage above none at least one, however few there are."""
    if isinstance(share, int):
        return share
    percent = int(share.removesuffix("%"))
    return 0 if percent == 0 else max(1, math.floor(workers * percent / 100))


def cordons(seen: ClusterHealth, stops: list[NeedsOperator]) -> Iterator[Action]:
    """Keep new pods off a worker that repair has given up on."""
    # Of a full disk kubelet itself tells the scheduler.
    given_up = {stop.key.partition("/")[0] for stop in stops if "/" in stop.key and not stop.key.endswith(DISK)}
    for host in seen.hosts:
        if host.is_worker and host.is_reachable and host.name in given_up and host.is_cordoned is False:
            yield Action("cordon", host.name, "host", "repair has given up on it")


def uncordons(seen: ClusterHealth, stops: list[NeedsOperator], desired: list[Action]) -> Iterator[Action]:
    """Open what repair has cordoned, once all of it is known to be well; a node that others cordoned stays so."""
    troubled = {stop.key.partition("/")[0] for stop in stops} | {one.host for one in desired}
    for host in seen.hosts:
        if host.has_our_cordon and host.name not in troubled and seen.is_well(host):
            yield Action("uncordon", host.name, "host", "all of it is well again")
