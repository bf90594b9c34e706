"""What the gate makes of the pods that a rollout moves, and of the webhooks that it asks; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from windlass.domain.catalog import Release
from windlass.domain.host.layout import EVICTABLE
from windlass.domain.rollout.disruption import (
    Object,
    drained_pods,
    homeless,
    impossible_budgets,
    local_volumes,
    name_of,
    orphans,
    returning_pods,
    shared_pods,
    stranded_budgets,
)
from windlass.domain.rollout.gate import GateFinding, finding, warning
from windlass.domain.rollout.step import LEAVE, Step
from windlass.domain.rollout.webhooks import judge_webhooks, moving_webhooks, needed_groups
from windlass.domain.spec.models import Cluster


@dataclass(frozen=True)
class Workloads:
    """What runs in the cluster, as the API has it."""

    nodes: Sequence[Object] = ()
    pods: Sequence[Object] = ()
    budgets: Sequence[Object] = ()
    webhooks: Sequence[Object] = ()
    ready_services: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Services with an endpoint that is ready, as namespace/name, and the nodes of these."""
    volumes: Sequence[Object] = ()
    """Persistent volumes."""


def judge_volumes(work: Workloads, steps: Sequence[Step]) -> GateFinding:
    """Return which volumes are lost with the hosts that leave: those that lie on one of them alone."""
    leaving = {name for step in steps if step.kind == LEAVE and step.drains for name in step.hosts}
    return warning(
        "volumes",
        local_volumes(work.volumes, leaving),
        "copy what is needed of it first, or accept that it is lost with the host",
        "no volume lies on a host that leaves",
    )


def judge_pods(cluster: Cluster, work: Workloads, steps: Sequence[Step]) -> Iterator[GateFinding]:
    """Yield whether the pods of drained nodes can leave, and where they go."""
    batches = [step.hosts for step in steps if step.drains]
    drained = {name for batch in batches for name in batch}
    leaving = drained_pods(work.pods, drained)
    without = [homeless(work.nodes, work.pods, batch) for batch in batches]
    stranded = [told for pods in without for told in stranded_budgets(work.budgets, pods)]
    yield finding(
        "disruption budgets",
        [*impossible_budgets(work.budgets, leaving), *stranded, *shared_pods(work.budgets, leaving)],
        "add a replica or a node, or allow one pod to be away; give a pod one budget only",
        "every budget can be met",
    )
    # Somebody said in the spec that these may be lost.
    judge = warning if cluster.spec.upgrade.drain.force else finding
    yield judge(
        "pods without a controller",
        orphans(leaving),
        f"nobody recreates them: delete them, annotate them with {EVICTABLE}=true, or set spec.upgrade.drain.force",
        "every pod that leaves a node is recreated",
    )
    if back := returning_pods(leaving):
        remedy = "nothing, if it bears that its node is changed under it; else take that toleration from it"
        told = [f"{pod} tolerates the cordon: it comes back to its node, and is not waited for" for pod in back]
        yield warning("pods that come back", told, remedy, "")
    yield warning(
        "capacity",
        (f"{pod} has nowhere else to run" for pod in sorted({name_of(pod) for pods in without for pod in pods})),
        "they wait until their node is back: add a worker, or accept that",
        "every pod that leaves a node has room on another",
    )


def judge_admission(cluster: Cluster, target: Release, work: Workloads, steps: Sequence[Step]) -> Iterator[GateFinding]:
    """Yield whether an admission webhook is in the way."""
    told = judge_webhooks(work.webhooks, work.ready_services, needed_groups(cluster, target.drivers))
    remedy = "bring its service up, or set its failurePolicy to Ignore for the time of the rollout"
    yield finding("admission webhooks", told.blocking, remedy, "no webhook is in the way")
    if told.unrelated:
        doubt = "nothing, for the rollout; to use what it guards bring its service up"
        yield warning("webhooks of your own", told.unrelated, doubt, "")
    if told.by_url:
        remedy = (
            "make sure that it answers all the while, or set its failurePolicy to Ignore for the time of the rollout"
        )
        yield warning("webhooks by URL", told.by_url, remedy, "")
    yield warning(
        "webhook replicas",
        moving_webhooks(work.webhooks, work.ready_services, [step.hosts for step in steps if step.drains]),
        "give its service a replica on another node, or it refuses what it is asked about until it runs elsewhere",
        "every webhook that fails closed serves on while nodes are drained",
    )
