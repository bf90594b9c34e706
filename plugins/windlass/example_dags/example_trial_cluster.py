"""A cluster for one job: make it, run the job on it, delete it, whatever came of the job."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from airflow.sdk import DAG, Param, TriggerRule, task

from windlass.airflow.cluster_tasks import create_cluster, delete_cluster
from windlass.airflow.hooks.kubernetes import KubernetesHook

log = logging.getLogger(__name__)

CLUSTER = "{{ params.name }}"
SPEC = """
apiVersion: windlass/v1
kind: Cluster
metadata: {name: "{{ params.name }}"}
spec:
  kubernetes: {version: v1.37.2}
  hosts:
    members:
      - {name: cp-1, address: "{{ params.control_plane }}", roles: [etcd, control-plane]}
      - {name: w-1, address: "{{ params.worker }}", roles: [worker]}
"""
JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "product", "namespace": "default"},
    "spec": {
        "backoffLimit": 2,
        "template": {
            "spec": {
                "restartPolicy": "Never",
                "containers": [{"name": "product", "image": "busybox:1.37", "command": ["expr", "6", "*", "7"]}],
            }
        },
    },
}


@task(execution_timeout=timedelta(hours=1))
def run_job(cluster: str) -> int:
    """Start the job and wait for its end; tried again, it waits for the same job. RuntimeError if that has failed."""
    with KubernetesHook(cluster=cluster) as hook:
        client = hook.get_conn()
        client.apply(JOB)
        while True:
            found = client.get(client.resource_of(JOB), "product", "default") or {}
            status = found.get("status", {})
            if any(one["type"] == "Failed" and one["status"] == "True" for one in status.get("conditions", ())):
                raise RuntimeError("the job `product` has failed: `kubectl logs job/product` says why")
            if succeeded := status.get("succeeded"):
                return int(succeeded)
            time.sleep(5)


@task
def report() -> None:
    """Say what came of it; not reached where the job has failed."""
    log.info("the job has ended well")


with DAG(
    dag_id="example_trial_cluster",
    description=__doc__,
    schedule=None,
    tags=["example"],
    params={
        "name": Param("trial", type="string"),
        "control_plane": Param("192.0.2.11", type="string"),
        "worker": Param("192.0.2.12", type="string"),
    },
):
    make = create_cluster("make", cluster=CLUSTER, spec=SPEC, reason="a job of {{ dag.dag_id }}")
    delete = delete_cluster(
        "delete",
        cluster=CLUSTER,
        confirm_name=CLUSTER,
        keep_backups=False,
        trigger_rule=TriggerRule.ALL_DONE,
    )
    done = run_job(CLUSTER)
    make >> done >> delete
    # Where the job has failed, so has the run, though the cluster is gone as it should be.
    done >> report()
