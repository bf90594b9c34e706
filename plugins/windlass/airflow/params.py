"""The params that several DAGs share; each has the same name, meaning and form everywhere."""

from __future__ import annotations

from airflow.sdk import Param

CLUSTER_PATTERN = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"


def cluster_param() -> Param:
    """Return the name of the cluster that a run is about."""
    return Param(
        type="string",
        title="Cluster",
        pattern=CLUSTER_PATTERN,
        maxLength=63,
        description_md="Name of the cluster, as in its spec under `metadata.name`.",
        examples=["demo"],
    )


def scheduled_cluster_param() -> Param:
    """Return the name of the cluster for a DAG that a schedule starts too: then the run's partition names it."""
    return Param(
        default=None,
        type=["null", "string"],
        title="Cluster",
        pattern=CLUSTER_PATTERN,
        maxLength=63,
        description_md="Name of the cluster, as in its spec under `metadata.name`; scheduled runs know it.",
        examples=["demo"],
    )


def plan_only_param() -> Param:
    """Return the param that ends a run after its plan."""
    return Param(
        default=False,
        type="boolean",
        title="Plan only",
        description_md="Show what would be done, host by host, and change nothing.",
        section="How",
    )


def auto_approve_param() -> Param:
    """Return the param that answers approvals in advance."""
    return Param(
        default=False,
        type="boolean",
        title="Approve in advance",
        description_md="Do not wait for a person where the run would ask one.",
        section="How",
    )


def reason_param() -> Param:
    """Return the words that the cluster's service log shows for a run."""
    return Param(
        default="",
        type="string",
        title="Reason",
        maxLength=500,
        description_md="Why this is done; shown in the cluster's service log.",
        section="How",
    )


def common_params() -> dict[str, Param]:
    """Return `cluster`, `plan_only`, `auto_approve` and `reason`, new for each DAG."""
    return {
        "cluster": cluster_param(),
        "plan_only": plan_only_param(),
        "auto_approve": auto_approve_param(),
        "reason": reason_param(),
    }
