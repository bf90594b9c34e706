"""Steps on the cluster as a whole: its spec, its lease, its certificates, its services, its verification."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from airflow.sdk import Context

from windlass.airflow.approval import ClusterApprovalOperator
from windlass.airflow.assets import CREATED, DELETED
from windlass.airflow.deletion import deletion_request
from windlass.airflow.given import given_spec
from windlass.airflow.operators.base import ClusterOperator, SpecOperator
from windlass.airflow.run_context import RunContext
from windlass.airflow.time_limits import WORK
from windlass.domain.spec.rights import DELETE
from windlass.operations.apply.certificates import issue_and_install
from windlass.operations.apply.delete import (
    announce_at_once,
    confirm_deletion,
    drain_users,
    forget_cluster,
    keep_leases,
    require_approval,
    take_off_hosts,
    take_over_to_delete,
    two_people_for,
)
from windlass.operations.apply.record import record_changes
from windlass.operations.apply.services import start_services, verify_services
from windlass.operations.apply.validate import take_over_cluster, validate_spec
from windlass.operations.outcome import require_end
from windlass.operations.two_people import TwoPeople


class ClusterValidateOperator(SpecOperator):
    """Checks the spec that was given, or the stored one, against itself, the catalog and the other clusters."""

    def act(self, context: Context, run: RunContext) -> dict[str, Any]:
        """Return what the run is about, in a few words; RefusedError if an apply cannot bring that about."""
        valid = validate_spec(run, given_spec(context["params"]))
        for change in valid.changes:
            self.log.info("the spec changes: %s", change)
        self.log.info("%s", valid.text)
        return {
            "version": valid.cluster.spec.kubernetes.version,
            "hosts": list(valid.hosts),
            "is_new": valid.is_new,
            "changes": list(valid.changes),
        }


class ClusterLeaseOperator(SpecOperator):
    """Takes the cluster's lease for this run, so that no other changes it meanwhile, and stores the spec given."""

    def act(self, context: Context, run: RunContext) -> str:
        """Return who holds the lease now; RefusedError names the run that holds it instead."""
        take_over_cluster(run, given_spec(context["params"]), self.log.info)
        return str(run.owner)


class ClusterReleaseOperator(ClusterOperator):
    """Gives the lease back; a teardown, so that it runs however the run ends."""

    def act(self, context: Context, run: RunContext) -> None:
        """Release the lease if this run has it."""
        run.delete_lease().release()
        if not run.lease().release():
            self.log.info("this run does not hold the lease (any more)")


class RunOutcomeOperator(ClusterOperator):
    """Fails where the run was broken off; a teardown that Airflow judges the run by, since it may see no other failure.

    `last` is the task that each run comes to if it is not broken off; empty where a run may well skip all.
    """

    def __init__(self, *, last: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.last = last

    def act(self, context: Context, run: RunContext) -> str:
        """Return how the run ended; WindlassError if it did not come to its end."""
        dag_run = context["dag_run"]
        told = context["ti"].get_task_states(dag_id=dag_run.dag_id, run_ids=[dag_run.run_id])
        require_end(dag_run.run_id, told.get(dag_run.run_id, {}), self.last)
        return "came to its end"


class ClusterCertificatesOperator(ClusterOperator):
    """Makes what is missing of the cluster's certificates, renews what is old, and writes them to the hosts."""

    longest = WORK

    def act(self, context: Context, run: RunContext) -> dict[str, list[str]]:
        """Return what was changed by host."""
        with run.working() as at_work:
            return self.tell(issue_and_install(at_work))


class ClusterServicesOperator(ClusterOperator):
    """Applies the foundation services as soon as an API server is ready, and waits for nodes and services."""

    longest = WORK

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return what was changed."""
        with run.working() as at_work:
            changed = start_services(at_work, self.log.info)
        for one in changed:
            self.log.info("changed: %s", one)
        return changed


class ClusterVerifyOperator(ClusterOperator):
    """Uses the cluster as its users will, and fails with host, component and reason where that does not work."""

    announces = CREATED

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return what was shown to work."""
        with run.working() as at_work:
            shown = verify_services(at_work)
        for one in shown:
            self.log.info("verified: %s", one)
        return list(shown)


class ClusterConfirmOperator(ClusterOperator):
    """Goes on only if the cluster's name is given once more, as `confirm_name`; if only planned, `skips` are skipped.

    `gone` are hosts that will never answer again.
    """

    template_fields: Collection[str] = (*ClusterOperator.template_fields, "confirm_name", "gone", "plan_only")
    asks_again = True
    right = DELETE

    def __init__(
        self,
        *,
        skips: list[str],
        confirm_name: str | None = None,
        gone: Sequence[str] | None = None,
        plan_only: bool | str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.skips, self.confirm_name, self.gone, self.plan_only = skips, confirm_name, gone, plan_only

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return the hosts that the cluster will be taken off; RefusedError without the right confirmation."""
        params, request = context["params"], deletion_request(context["params"])
        hosts = confirm_deletion(run, params.get("confirm_name") or "", request.gone)
        self.log.info("cluster %s will be taken off %s", run.name, ", ".join(hosts))
        if params.get("plan_only"):
            self.skip(context, self.skips, hosts)
        announce_at_once(run, request)
        return hosts


class DeletionApprovalOperator(ClusterApprovalOperator):
    """Asks somebody else than who started the run, where the spec wants two people; nobody is asked elsewhere."""

    def __init__(self, *, confirm: str = "confirm", **options: Any) -> None:
        super().__init__(
            **{
                "subject": "Delete cluster {{ task.cluster or params.cluster }}?",
                "body": f"What is on {{{{ ti.xcom_pull(task_ids='{confirm}') | join(', ') }}}} is lost. "
                "{{ 'Its bundles are deleted too.' if "
                "(task.request.keep_backups if task.request else params.keep_backups) | string | lower == 'false' "
                "else 'Its bundles stay.' }}",
                **options,
            }
        )

    def approved_by(self, context: Context) -> str:
        """Return why nobody is asked: the name that was typed is all that one person's deletion needs."""
        return f"{context['params'].get('confirm_name')} was typed as confirmation"

    def two_people(self, context: Context) -> TwoPeople | None:
        """Return what the deletion needs besides whoever started the run."""
        return two_people_for(RunContext.of(context), deletion_request(context["params"]))


class ClusterDeletionLeaseOperator(ClusterOperator):
    """Takes the cluster's lease to delete it: waits for remediation, and for backups and drills that have begun.

    `approval` is the task that asks the second person.
    """

    template_fields: Collection[str] = (*ClusterOperator.template_fields, "gone", "keep_backups")
    asks_again = True
    right = DELETE

    def __init__(
        self,
        *,
        approval: str,
        gone: Sequence[str] | None = None,
        keep_backups: bool | str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.approval, self.gone, self.keep_backups = approval, gone, keep_backups

    def act(self, context: Context, run: RunContext) -> str:
        """Return who holds the lease now; RefusedError names the run that holds it instead."""
        answer = context["ti"].xcom_pull(task_ids=self.approval)
        require_approval(run, deletion_request(context["params"]), answer)
        take_over_to_delete(run, self.log.info)
        return str(run.owner)


class ClusterDrainOperator(ClusterOperator):
    """Ends the users' pods with their own grace; a cluster that does not answer any more is passed over."""

    longest = WORK

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return what was ended."""
        with run.working() as at_work:
            return drain_users(at_work, self.log.warning)


class ClusterRemoveOperator(ClusterOperator):
    """Takes the cluster off its hosts: stacks, units, data, network; they come back reusable.

    Hosts that a provider made for the cluster are destroyed instead; `gone` are those that will never answer again.
    """

    template_fields: Collection[str] = (*ClusterOperator.template_fields, "gone")
    longest = WORK
    right = DELETE

    def __init__(self, *, gone: Sequence[str] | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.gone = gone

    def act(self, context: Context, run: RunContext) -> dict[str, list[str]]:
        """Return what was removed by host; the error names every host that it could not be removed from."""
        keep_leases(run)
        gone = deletion_request(context["params"]).gone
        with run.working() as at_work:
            return self.tell(take_off_hosts(at_work, run.services.provider(run.cluster()), gone))


class ClusterForgetOperator(ClusterOperator):
    """Removes what the store knows of the cluster; its backups stay unless the run says otherwise.

    It holds the lease by then, which is not given without the second person where the spec wants two.
    """

    template_fields: Collection[str] = (*ClusterOperator.template_fields, "keep_backups")
    right = DELETE
    announces = DELETED

    def __init__(self, *, keep_backups: bool | str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.keep_backups = keep_backups

    def act(self, context: Context, run: RunContext) -> list[str]:
        """Return the keys that were removed; the service log and the lease stay, as the record of what was done."""
        keep_leases(run)
        with run.working() as at_work:
            return forget_cluster(at_work, keep_backups=deletion_request(context["params"]).keep_backups)


class ClusterRecordOperator(ClusterOperator):
    """Writes what the run did to the cluster's service log, and the observation that pages show."""

    template_fields: Collection[str] = (*ClusterOperator.template_fields, "plan_only")

    def __init__(self, *, steps: list[str], plan_only: bool | str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.steps, self.plan_only = steps, plan_only

    def act(self, context: Context, run: RunContext) -> str:
        """Return the line that was written; a run that only planned writes none."""
        if context["params"].get("plan_only"):
            return f"{run.owner.dag_id}: planned only, nothing was changed"
        results = {step: context["ti"].xcom_pull(task_ids=step) for step in self.steps}
        text = record_changes(run, results)
        self.log.info("%s", text)
        return text
