"""The tasks of a creation and of a deletion, wired: for Windlass's own DAGs, and for those of somebody's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator, TaskGroup, TriggerRule

from windlass.airflow.operators.cluster import (
    ClusterCertificatesOperator,
    ClusterConfirmOperator,
    ClusterDeletionLeaseOperator,
    ClusterDrainOperator,
    ClusterForgetOperator,
    ClusterLeaseOperator,
    ClusterRecordOperator,
    ClusterReleaseOperator,
    ClusterRemoveOperator,
    ClusterServicesOperator,
    ClusterValidateOperator,
    ClusterVerifyOperator,
    DeletionApprovalOperator,
)
from windlass.airflow.operators.hosts import (
    ControlPlaneRollOutOperator,
    EtcdBootstrapOperator,
    HostJoinOperator,
    HostPreflightOperator,
    HostPrepareOperator,
    HostProvisionOperator,
)


def create_cluster(group_id: str, *, cluster: str, spec: str, reason: str | None = None) -> TaskGroup:
    """Add a group of tasks that makes a cluster to a DAG of one's own; `cluster`, `spec` and `reason` may be templates.

    It ends well when the cluster serves. A cluster that is there already as the spec says is left as it is.
    """
    about = {"cluster": cluster, "reason": reason}
    with TaskGroup(group_id) as group:
        creation_tasks(f"{group.group_id}.", about, {"spec": spec})
    return group


def delete_cluster(  # noqa: PLR0913 - as the DAG has it, each with a default but the names
    group_id: str,
    *,
    cluster: str,
    confirm_name: str,
    keep_backups: bool | str = True,
    gone: Sequence[str] | None = None,
    reason: str | None = None,
    trigger_rule: TriggerRule = TriggerRule.ALL_SUCCESS,
) -> TaskGroup:
    """Add a group of tasks that deletes a cluster to a DAG of one's own; all but `trigger_rule` may be templates.

    `confirm_name` is the cluster's name once more. With `trigger_rule` ALL_DONE the cluster goes whatever came before.
    """
    about = {"cluster": cluster, "reason": reason}
    asked = {"confirm_name": confirm_name, "keep_backups": keep_backups, "gone": gone}
    with TaskGroup(group_id) as group:
        first, _ = deletion_tasks(f"{group.group_id}.", about, asked)
        first.trigger_rule = trigger_rule
    return group


def creation_tasks(
    prefix: str = "", about: Mapping[str, Any] | None = None, asked: Mapping[str, Any] | None = None
) -> BaseOperator:
    """Add the tasks of a creation to the DAG at hand, and return the one that gives back the lease.

    `prefix` is what the names of tasks begin with here; `about` is given to all of them, `asked` to those that read it.
    """
    about, asked = about or {}, asked or {}
    with TaskGroup("plan"):
        validate = ClusterValidateOperator(task_id="validate", **about, **asked)
        provision = HostProvisionOperator(task_id="provision", skips=[f"{prefix}plan.preflight"], **about, **asked)
        preflight = HostPreflightOperator(task_id="preflight", skips=[f"{prefix}lease"], **about, **asked)

    lease = ClusterLeaseOperator(task_id="lease", **about, **asked)

    with TaskGroup("hosts"):
        prepare = HostPrepareOperator(task_id="prepare", **about)
        certificates = ClusterCertificatesOperator(task_id="certificates", **about)

    # These start together: each waits for the others by itself, and that is quicker than any order.
    with TaskGroup("cluster"):
        etcd = EtcdBootstrapOperator(task_id="etcd", **about)
        control_plane = ControlPlaneRollOutOperator(task_id="control_plane", **about)
        workers = HostJoinOperator(task_id="workers", **about)
        services = ClusterServicesOperator(task_id="services", **about)

    verify = ClusterVerifyOperator(task_id="verify", **about)
    changing = [prepare, certificates, etcd, control_plane, workers, services]
    record = ClusterRecordOperator(
        task_id="record",
        steps=[one.task_id for one in changing],
        trigger_rule=TriggerRule.NONE_FAILED,
        **about,
    )
    release = ClusterReleaseOperator(task_id="release", **about)
    release.as_teardown(setups=lease)

    validate >> provision >> preflight >> lease >> [prepare, certificates]
    for started in (etcd, control_plane, workers, services):
        [prepare, certificates] >> started >> verify
    verify >> release
    # After the lease is given back, or Airflow would skip the record along with a lease that was not needed.
    [preflight, verify, release] >> record
    return release


def deletion_tasks(
    prefix: str = "", about: Mapping[str, Any] | None = None, asked: Mapping[str, Any] | None = None
) -> tuple[BaseOperator, BaseOperator]:
    """Add the tasks of a deletion to the DAG at hand; return the first, and the one that gives back the lease."""
    about, asked = about or {}, asked or {}
    kept = {name: value for name, value in asked.items() if name != "confirm_name"}
    gone = {name: value for name, value in asked.items() if name == "gone"}
    backups = {name: value for name, value in asked.items() if name == "keep_backups"}
    typed = {name: value for name, value in asked.items() if name != "keep_backups"}
    confirm = ClusterConfirmOperator(task_id="confirm", skips=[f"{prefix}approve"], **about, **typed)
    approve = DeletionApprovalOperator(
        task_id="approve", confirm=f"{prefix}confirm", cluster=about.get("cluster"), request=asked or None
    )
    lease = ClusterDeletionLeaseOperator(task_id="lease", approval=f"{prefix}approve", **about, **kept)
    drain = ClusterDrainOperator(task_id="drain", **about)
    remove = ClusterRemoveOperator(task_id="remove", **about, **gone)
    forget = ClusterForgetOperator(task_id="forget", **about, **backups)
    release = ClusterReleaseOperator(task_id="release", **about)
    release.as_teardown(setups=lease)

    confirm >> approve >> lease >> drain >> remove >> forget >> release
    return confirm, release
