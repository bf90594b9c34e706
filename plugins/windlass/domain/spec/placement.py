"""Which hosts of a cluster run a stack: by labels, and by how many it is to run on.

Where it runs is kept in the spec that is stored (`Stack.placed`), so that whoever reads that spec needs no catalog, and
what runs stays where it is: a host that comes, leaves or gets other labels moves nothing that is on another host.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence

from windlass.domain.catalog.stacks import StackTemplate
from windlass.domain.spec.models import Cluster, Stack


def place(stack: str, fitting: Sequence[str], scale: int | None, placed: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the hosts that run `stack`: `scale` of those `fitting`, or all of them, fewer where fewer fit.

    Hosts where it is `placed` stay as long as they fit, in their order; of the others each stack has an order of its
    own, so that not all stacks come to the same host.
    """
    stay = [name for name in dict.fromkeys(placed) if name in fitting][:scale]
    others = sorted((name for name in fitting if name not in stay), key=lambda name: _rank(stack, name))
    return (*stay, *(others if scale is None else others[: scale - len(stay)]))


def _rank(stack: str, host: str) -> bytes:
    return hashlib.sha256(f"{stack}/{host}".encode()).digest()


def fitting_hosts(cluster: Cluster, stack: Stack, template: StackTemplate | None) -> tuple[str, ...]:
    """Return the hosts that may run a stack, by what the spec and the stack itself ask of them."""
    hosts = [host for host in cluster.spec.hosts.members if stack.fits(host)]
    return tuple(host.name for host in hosts if template is None or template.fits(host.labels))


def scale_of(stack: Stack, template: StackTemplate | None) -> int | None:
    """Return on how many hosts a stack is to run: as the spec says, else as the stack does; None: on all that fit."""
    return template.scale if stack.scale is None and template is not None else stack.scale


def with_placement(cluster: Cluster, running: Cluster | None, known: Mapping[str, StackTemplate]) -> Cluster:
    """Return a new spec with where its stacks run; `running` is the same cluster's spec until now.

    A stack that runs wherever the spec says stays without: it needs no memory.
    """
    before = {} if running is None else {stack.name: stack.placed for stack in running.spec.stacks}

    def placed(stack: Stack) -> Stack:
        template = known.get(stack.name)
        scale = scale_of(stack, template)
        if scale is None and (template is None or not template.asks_labels):
            return stack.model_copy(update={"placed": None})
        kept = stack.placed if stack.placed is not None else before.get(stack.name)
        hosts = place(stack.name, fitting_hosts(cluster, stack, template), scale, kept or ())
        return stack.model_copy(update={"placed": hosts})

    spec = cluster.spec.model_copy(update={"stacks": tuple(map(placed, cluster.spec.stacks))})
    return cluster.model_copy(update={"spec": spec})


def placement_changes(before: Cluster | None, after: Cluster) -> tuple[str, ...]:
    """Return in words where stacks come to run whose hosts Windlass chooses, and what becomes of their data."""
    old = {} if before is None else {stack.name: stack for stack in before.spec.stacks}
    new = {stack.name: stack for stack in after.spec.stacks}
    staying = {host.name for host in after.spec.hosts.members}
    names = dict.fromkeys((*old, *new))
    return tuple(told for name in names if (told := _change(name, old.get(name), new.get(name), staying)))


def _change(name: str, old: Stack | None, new: Stack | None, staying: Collection[str]) -> str:
    was, comes = _where(old), _where(new)
    if was == comes:
        return ""
    shown = [", ".join(hosts) or "nowhere" for hosts in (was, comes) if hosts is not None]
    left = [host for host in was or () if host not in (comes or ())]
    # What lies there says what becomes of them, whatever the new spec says.
    fate = "go with it" if old is not None and old.data == "delete" else "stay there"
    kept, gone = [one for one in left if one in staying], [one for one in left if one not in staying]
    told = [f"its data on {', '.join(kept)} {fate}"] if kept else []
    told += [f"its data on {', '.join(gone)} go with the host"] if gone else []
    return "; ".join((f"stack `{name}`: {' -> '.join(shown)}", *told))


def _where(stack: Stack | None) -> tuple[str, ...] | None:
    """Return where a stack runs: nowhere if the spec has it not; None where the spec alone says it."""
    return () if stack is None else stack.placed
