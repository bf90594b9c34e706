"""Apply the foundation services, and use the cluster as its users will."""

from __future__ import annotations

from datetime import timedelta

from windlass.operations.apply.addons import nodes_missing, register_nodes, workloads_missing
from windlass.operations.apply.created import record_verified
from windlass.operations.apply.user_stacks import start_own_stacks
from windlass.operations.apply.verify import verify_cluster
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.objects.apply import apply_services
from windlass.operations.objects.nodes import label_nodes
from windlass.operations.objects.secrets import rewrite_secrets
from windlass.operations.objects.spread import spread_dns
from windlass.operations.run import ClusterRun, Tell
from windlass.operations.waiting import wait_until

_API_READY = timedelta(seconds=150)
_NODES_READY = timedelta(seconds=120)


def start_services(run: ClusterRun, tell: Tell) -> list[str]:
    """Apply the services once an API server is ready, wait for nodes and services, and return what was changed."""
    cluster, pki = run.cluster(), run.pki()
    with run.session(cluster) as session, kubernetes_api(session, pki, _API_READY) as client:
        tell("an API server is ready")
        changed = [*apply_services(session.trusting(pki), client), *rewrite_secrets(session, client, pki)]
        changed += register_nodes(session, client)
        wait_until(lambda: nodes_missing(session, client), _NODES_READY, "wait for nodes", session.clock)
        tell("all nodes are Ready")
        changed += label_nodes(session, client)
        changed += spread_dns(session, client)
        doing = "wait for foundation services"
        wait_until(lambda: workloads_missing(client, session.foundation), _NODES_READY, doing, session.clock)
        own = start_own_stacks(session)
    changed += [f"{one} of {host}" for host, changes in own.items() for one in changes]
    return changed


def verify_services(run: ClusterRun) -> tuple[str, ...]:
    """Return what was shown to work; the error names host, component and reason.

    From then on the cluster is not being created any more.
    """
    cluster, pki = run.cluster(), run.pki()
    with run.session(cluster) as session, kubernetes_api(session, pki, _API_READY) as client:
        shown = verify_cluster(session, pki, client)
        record_verified(run.records, session, pki)
    return shown
