"""Ask every host and the API of a cluster what an audit judges, side by side, and judge it."""

from __future__ import annotations

from datetime import timedelta

from windlass.domain.hardening import ApiAudit, AuditReport, HostAudit, audit
from windlass.domain.pki import Pki
from windlass.domain.scripts.audit_host import audit_script, parse_audit
from windlass.domain.spec.models import Host
from windlass.effects.kubernetes.client import SERVICE_ACCOUNTS, Resource
from windlass.effects.ssh.connection import Connection
from windlass.effects.threads import worker_threads
from windlass.errors import UnreachableError, WindlassError
from windlass.operations.cluster import ClusterSession
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.run import ClusterRun

_RBAC = "rbac.authorization.k8s.io/v1"
_ROLES = (Resource(_RBAC, "clusterroles", namespaced=False), Resource(_RBAC, "roles", namespaced=True))
_BINDINGS = (
    Resource(_RBAC, "clusterrolebindings", namespaced=False),
    Resource(_RBAC, "rolebindings", namespaced=True),
)
_TIMEOUT = timedelta(minutes=1)


def audit_cluster(run: ClusterRun) -> AuditReport:
    """Audit a cluster that the store knows.

    What did not answer is in the report as unknown; UnreachableError only if no host answers. SpecError if there is no
    such cluster, NotReadyError if it has no certificates yet.
    """
    cluster, pki = run.cluster(), run.pki()
    with run.session(cluster) as session, worker_threads(1, "windlass-audit") as pool:
        api = pool.submit(_ask_api, session, pki)
        hosts = _ask_hosts(session)
        if all(isinstance(one, str) for one in hosts.values()):
            raise UnreachableError(f"{cluster.name}: no host answers: {'; '.join(map(str, hosts.values()))}")
        return audit(cluster.name, session.hosts, hosts, api.result())


def _ask_hosts(session: ClusterSession) -> dict[str, HostAudit | str]:
    def ask(host: Host, connection: Connection) -> HostAudit:
        return parse_audit(connection.run_script(audit_script(), timeout=_TIMEOUT).stdout, host)

    outcomes = session.observe_on_hosts(session.hosts, ask)
    return {name: outcome.get() if outcome.is_ok else str(outcome.error) for name, outcome in outcomes.items()}


def _ask_api(session: ClusterSession, pki: Pki) -> ApiAudit | str:
    try:
        with kubernetes_api(session, pki, _TIMEOUT) as client:
            return ApiAudit(
                roles=tuple(one for resource in _ROLES for one in client.list(resource)),
                bindings=tuple(one for resource in _BINDINGS for one in client.list(resource)),
                accounts=tuple(client.list(SERVICE_ACCOUNTS)),
            )
    except WindlassError as error:
        return str(error)
