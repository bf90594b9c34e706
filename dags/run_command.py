"""Run one command of `windlass` for somebody who has neither the store's login nor the master key.

The command starts this by Windlass's own API, which judges who may; nobody starts it by hand. The answer is sealed for
the laptop that asked, so that neither logs nor results show it.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from windlass.airflow.operators.remote_command import CommandOperator
from windlass.airflow.params import command_params
from windlass.airflow.run_alerts import notify_failed_run
from windlass.domain.remote import Command
from windlass.domain.remote.command_needs import ANSWER_TASK
from windlass.operation_names import Operation

COMMAND = Param(
    default=None,
    type=["null", "string"],
    enum=[None, *(one.value for one in Command)],
    title="Command",
    description_md="What a person writes after windlass.",
)

with DAG(
    dag_id=Operation.COMMAND,
    description="Run one command of `windlass` for somebody elsewhere, and seal the answer for them.",
    doc_md=__doc__,
    schedule=None,
    tags=["windlass"],
    on_failure_callback=notify_failed_run,
    params={"command": COMMAND, **command_params()},
    allowed_run_types=["manual"],
    # It does nothing that nobody asked for, and people at their laptops cannot unpause it.
    is_paused_upon_creation=False,
    max_active_runs=16,
):
    CommandOperator(task_id=ANSWER_TASK)
