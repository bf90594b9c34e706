"""DAGs that the tests of the embedded Airflow run."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

from airflow.sdk import BaseHook, chain, dag, get_current_context, task

from windlass.airflow.approval import ClusterApprovalOperator
from windlass.airflow.connections import find_connection
from windlass.airflow.errors import TASK_DEFAULTS
from windlass.airflow.params import auto_approve_param
from windlass.errors import NotReadyError, RefusedError

DEFAULTS = {**TASK_DEFAULTS, "retry_delay": timedelta(seconds=0)}


@dag(schedule=None)
def greet() -> None:
    @task
    def first() -> str:
        return "hello from " + BaseHook.get_connection("trial").host

    @task(map_index_template="{{ host }}")
    def each(host: str) -> str:
        get_current_context()["host"] = host
        return host.upper()

    chain(first(), each.expand(host=["a", "b"]))


@dag(schedule=None, params={"auto_approve": auto_approve_param()})
def ask() -> None:
    @task
    def act() -> str:
        return "acted"

    ClusterApprovalOperator(task_id="approve", subject="May I?") >> act()


@dag(schedule=None)
def ask_in_full() -> None:
    @task
    def gate() -> dict[str, str]:
        return {"question": get_current_context()["dag_run"].conf["question"]}

    gate() >> ClusterApprovalOperator(
        task_id="approve", subject="May I?", body="{{ ti.xcom_pull(task_ids='gate')['question'] }}"
    )


@dag(schedule=None, default_args=DEFAULTS)
def fail_for_good() -> None:
    @task
    def refuse() -> None:
        raise RefusedError("cp-1: no quorum without it")

    refuse()


@dag(schedule=None, default_args=DEFAULTS)
def lack_a_connection() -> None:
    @task
    def look() -> None:
        find_connection("windlass_store")

    look()


@dag(schedule=None, default_args=DEFAULTS)
def fail_once() -> None:
    @task
    def flicker() -> int:
        number = get_current_context()["ti"].try_number
        if number == 1:
            raise NotReadyError("cp-1: not yet")
        return number

    flicker()


@dag(schedule=None, default_args=DEFAULTS)
def hold() -> None:
    """Holds until the file of its conf is there, and counts its starts beside it."""

    @task
    def wait_for_file() -> None:
        context = get_current_context()
        gate = Path(context["dag_run"].conf["gate"])
        with gate.with_suffix(".starts").open("a") as starts:
            starts.write(f"{os.getpid()}\n")
        deadline = time.monotonic() + 120
        while not gate.exists():
            if time.monotonic() > deadline:
                raise RefusedError("nobody opened the gate")
            time.sleep(0.1)

    wait_for_file()


greet()
ask()
ask_in_full()
fail_for_good()
lack_a_connection()
fail_once()
hold()
