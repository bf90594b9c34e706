"""Which of the users' pods serve on a node, and whether they do so again after its kubelet was changed under them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from windlass.domain.apply.readiness import is_ready
from windlass.domain.rollout.disruption import leaves_with_drain
from windlass.effects.clock import Clock
from windlass.effects.kubernetes.client import KubernetesClient
from windlass.errors import NotReadyError
from windlass.operations.rollout.context import Tell
from windlass.operations.rollout.drain import pods_on
from windlass.operations.waiting import asked_again, wait_until


def serving_pods(client: KubernetesClient, node: str) -> frozenset[str]:
    """Return the UIDs of the users' pods on a node that are ready."""
    pods = asked_again(lambda: pods_on(client, node))
    return frozenset(pod["metadata"]["uid"] for pod in pods if leaves_with_drain(pod) and is_ready(pod))


def wait_until_they_serve(
    client: KubernetesClient, node: str, before: Collection[str], within: timedelta, tell: Tell, clock: Clock
) -> None:
    """Wait until the pods `before` that are still on a node are ready again; tell which are not `within`, and go on.

    A kubelet that starts calls its node not ready for a moment, and Kubernetes then calls every pod on it so, and leads
    nobody to them: if the next node were drained meanwhile, a service could be without any. That a pod does not come
    back may have its own reasons, so it is no failure of the node.
    """

    def missing() -> str:
        pods = pods_on(client, node)
        late = (
            f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
            for pod in pods
            if pod["metadata"]["uid"] in before and "deletionTimestamp" not in pod["metadata"] and not is_ready(pod)
        )
        return ", ".join(late)

    if not before:
        return
    try:
        wait_until(missing, within, f"{node}: wait for pods that were ready before", clock)
    except NotReadyError as error:
        tell(f"{error}; the rollout goes on")
