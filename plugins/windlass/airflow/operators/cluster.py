"""Steps on the cluster as a whole: its spec, its lease, its certificates, its services, its verification."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Context

from windlass.airflow.operators.base import ClusterOperator
from windlass.airflow.run_context import RunContext
from windlass.domain.apply.immutable import dropped_hosts, refuse_what_no_apply_changes
from windlass.domain.pki import Pki, check_authorities, issue_pki
from windlass.domain.pki.user_ca import refuse_other_authorities
from windlass.domain.spec import Cluster, diff_clusters, dump_cluster
from windlass.effects.ssh.connection import RemoteFile
from windlass.errors import NotReadyError
from windlass.operations.apply.addons import (
    apply_services,
    label_nodes,
    nodes_missing,
    register_nodes,
    workloads_missing,
)
from windlass.operations.apply.leaving_hosts import refuse_hosts_that_are_in_use
from windlass.operations.apply.plan import check_version, refuse_during_rollout
from windlass.operations.apply.remove import check_name, drain, remove_from_hosts
from windlass.operations.apply.start import seed_certificates
from windlass.operations.apply.user_stacks import start_own_stacks
from windlass.operations.apply.verify import FOUNDATION, verify_cluster
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.waiting import wait_until

_API_READY = timedelta(seconds=150)
_API_ANSWERS = timedelta(seconds=15)
_NODES_READY = timedelta(seconds=120)


class ClusterValidateOperator(ClusterOperator):
    """Checks the spec that was given, or the stored one, against itself, the catalog and the other clusters."""

    def act(self, context: Context, run: RunContext) -> dict[str, Any]:
        """Return what the run is about, in a few words; RefusedError if an apply cannot bring that about."""
        run.keys  # noqa: B018 (a missing or wrong key is told before anything starts)
        stored, cluster = run.stored(), run.desired(context["params"].get("spec"))
        check_version(stored, cluster)
        if rollout := run.records.rollout():
            refuse_during_rollout(run.name, rollout.before, rollout.after)
        _check_given(cluster, run)
        if stored is not None:
            _check_change(stored, cluster, run)
        changes = [] if stored is None else [str(change) for change in diff_clusters(stored, cluster)]
        for change in changes:
            self.log.info("the spec changes: %s", change)
        hosts = [f"{host.name} ({', '.join(host.roles)})" for host in cluster.spec.hosts.members]
        self.log.info("cluster %s, Kubernetes %s: %s", cluster.name, cluster.spec.kubernetes.version, "; ".join(hosts))
        return {
            "version": cluster.spec.kubernetes.version,
            "hosts": hosts,
            "is_new": stored is None,
            "changes": changes,
        }


class ClusterLeaseOperator(ClusterOperator):
    """Takes the cluster's lease for this run, so that no other changes it meanwhile, and stores the spec given."""

    def act(self, context: Context, run: RunContext) -> str:
        """Return who holds the lease now; RefusedError names the run that holds it instead."""
        cluster = run.desired(context["params"].get("spec"))
        run.lease().acquire()
        if run.records.save_spec(dump_cluster(cluster)):
            self.log.info("the spec is stored")
        return str(run.owner)


class ClusterReleaseOperator(ClusterOperator):
    """Gives the lease back; a teardown, so that it runs however the run ends."""

    def act(self, context: Context, run: RunContext) -> None:
        """Release the lease if this run has it."""
        if not run.lease().release():
            self.log.info("this run does not hold the lease (any more)")


def _check_change(stored: Cluster, desired: Cluster, run: RunContext) -> None:
    """Refuse what an apply would leave half done. Before there are keys nothing runs, and anything may change."""
    pki = run.records.pki(run.keys)
    if pki is None:
        return
    refuse_what_no_apply_changes(stored, desired)
    if leaving := dropped_hosts(stored, desired):
        with run.session(stored) as session:
            refuse_hosts_that_are_in_use(session, pki, leaving)


def _check_given(cluster: Cluster, run: RunContext) -> None:
    """Tell of an authority of the user's that cannot be used before anything starts."""
    if given := run.services.authorities(cluster):
        check_authorities(given, datetime.now(UTC))
        refuse_other_authorities(given, run.records.pki(run.keys))


class ClusterCertificatesOperator(ClusterOperator):
    """Makes what is missing of the cluster's certificates, renews what is old, and lays them down on the hosts."""

    def act(self, context: Context, run: RunContext) -> dict[str, list[str]]:
        """Return what was changed by host."""
        cluster = run.cluster()
        run.lease().heartbeat()
        pki, sealed = seeded_pki(run, cluster)
        with run.session(cluster) as session:
            return self.tell(seed_certificates(session, pki, sealed))


def seeded_pki(run: RunContext, cluster: Cluster) -> tuple[Pki, RemoteFile]:
    """Return the stored PKI, with what it lacks made and what is old renewed, and its sealed copy for hosts."""
    existing, given = run.records.pki(run.keys), run.services.authorities(cluster)
    refuse_other_authorities(given, existing)
    pki = issue_pki(cluster, datetime.now(UTC), existing, given)
    run.records.save_pki(pki, run.keys)
    return pki, RemoteFile(run.records.sealed_pki() or b"", mode=0o600)


class ClusterServicesOperator(ClusterOperator):
    """Applies the foundation services as soon as an API server is ready, and waits for nodes and services."""

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return what was changed."""
        run.lease().heartbeat()
        cluster, pki = run.cluster(), run.pki()
        with run.session(cluster) as session, kubernetes_api(session, pki, _API_READY) as client:
            self.log.info("an API server is ready")
            changed = list(apply_services(session, client))
            changed += register_nodes(session, client)
            wait_until(lambda: nodes_missing(session, client), _NODES_READY, "wait for nodes", session.clock)
            self.log.info("all nodes are Ready")
            changed += label_nodes(session, client)
            wait_until(
                lambda: workloads_missing(client, FOUNDATION),
                _NODES_READY,
                "wait for foundation services",
                session.clock,
            )
            own = start_own_stacks(session)
        changed += [f"{one} of {host}" for host, changes in own.items() for one in changes]
        for one in changed:
            self.log.info("changed: %s", one)
        return changed


class ClusterVerifyOperator(ClusterOperator):
    """Uses the cluster as its users will, and fails with host, component and reason where that does not work."""

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return what was shown to work."""
        cluster, pki = run.cluster(), run.pki()
        with run.session(cluster) as session, kubernetes_api(session, pki, _API_READY) as client:
            shown = verify_cluster(session, pki, client)
        for one in shown:
            self.log.info("verified: %s", one)
        return list(shown)


class ClusterConfirmOperator(ClusterOperator):
    """Goes on only if the cluster's name was typed as confirmation; if only planned, `skips` are skipped."""

    def __init__(self, *, skips: list[str], **options: Any) -> None:
        super().__init__(**options)
        self.skips = skips

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return the hosts that the cluster will be taken off; RefusedError without the right confirmation."""
        check_name(run.name, context["params"].get("confirm_name") or "")
        hosts = [host.name for host in run.cluster().spec.hosts.members]
        self.log.info("cluster %s will be taken off %s", run.name, ", ".join(hosts))
        if context["params"].get("plan_only"):
            self.skip(context, self.skips, hosts)
        return hosts


class ClusterDrainOperator(ClusterOperator):
    """Ends the users' pods with their own grace; a cluster that does not answer any more is passed over."""

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return what was ended."""
        try:
            with run.session(run.cluster()) as session, kubernetes_api(session, run.pki(), _API_ANSWERS) as client:
                return list(drain(client, session.clock))
        except NotReadyError as error:
            self.log.warning("not drained: %s", error)
            return []


class ClusterRemoveOperator(ClusterOperator):
    """Takes the cluster off its hosts: stacks, units, data, network; they come back reusable.

    Hosts that a provider made for the cluster are destroyed instead.
    """

    def act(self, context: Context, run: RunContext) -> dict[str, list[str]]:
        """Return what was removed by host; the error names every host that it could not be removed from."""
        run.lease().heartbeat()
        cluster = run.cluster()
        provider = run.services.provider(cluster)
        if provider.makes_hosts:
            return self.tell(dict.fromkeys(provider.destroy(cluster), ("destroyed",)))
        with run.session(cluster) as session:
            return self.tell(remove_from_hosts(session))


class ClusterForgetOperator(ClusterOperator):
    """Removes what the store knows of the cluster; its backups stay unless the run says otherwise."""

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return the keys that were removed; the service log and the lease stay, as the record of what was done."""
        run.log(f"{run.owner.dag_id}: the cluster was taken off its hosts")
        keeps = context["params"].get("keep_backups") is not False  # null is no word to throw them away
        # They may be in a bucket of their own, which only the spec names: before that is forgotten.
        backups = () if keeps else run.vault(run.cluster()).forget()
        return [*backups, *run.records.forget(keep_backups=keeps)]


class ClusterRecordOperator(ClusterOperator):
    """Writes what the run did to the cluster's service log, and the observation that pages show."""

    def __init__(self, *, steps: list[str], **options: Any) -> None:
        super().__init__(**options)
        self.steps = steps

    def act(self, context: Context, run: RunContext) -> str:
        """Return the line that was written; a run that only planned writes none."""
        operation = run.owner.dag_id
        if context["params"].get("plan_only"):
            return f"{operation}: planned only, nothing was changed"
        results = {step: context["ti"].xcom_pull(task_ids=step) for step in self.steps}
        changed = _count(results)
        text = f"{operation}: {changed} changes" if changed else f"{operation}: nothing to change"
        run.log(text, details={step: result for step, result in results.items() if result})
        self.log.info("%s", text)
        return text


def _count(results: dict[str, Any]) -> int:
    lists = [list(result.values()) if isinstance(result, dict) else [result] for result in results.values() if result]
    return sum(len(changes) for group in lists for changes in group if isinstance(changes, list))
