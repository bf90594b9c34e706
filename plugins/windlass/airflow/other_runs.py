"""Whether the run of another owner has ended, as Airflow tells a task."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from airflow.sdk.exceptions import AirflowRuntimeError

from windlass.domain.lease import Owner

log = logging.getLogger(__name__)
_IS_FINISHED = {"queued": False, "running": False, "success": True, "failed": True}
"""Of each state that Airflow has for a run."""


def finished_by(context: Mapping[str, Any]) -> Callable[[Owner], bool | None]:
    """Return a function that asks Airflow whether another run has ended; None where Airflow cannot tell.

    A run that Airflow says it does not have is nobody's (any more). Whatever else goes wrong tells nothing.
    """

    def is_finished(owner: Owner) -> bool | None:
        try:
            state = context["ti"].get_dagrun_state(owner.dag_id, owner.run_id)
        except AirflowRuntimeError as error:
            return True if _says_no_such_run(error) else None
        except Exception as error:  # noqa: BLE001 - whatever keeps Airflow from telling, nothing is known of the run
            log.warning("Airflow cannot tell of %s: %s", owner, type(error).__name__)
            return None
        return _IS_FINISHED.get(str(state))

    return is_finished


def _says_no_such_run(error: AirflowRuntimeError) -> bool:
    """Tell whether this is the execution API's own answer that it has no such DAG run.

    Its route answers 404 with `{"detail": {"reason": "not_found"}}` (airflow/api_fastapi/execution_api/routes/
    dag_runs.py), which the supervisor wraps with the status (airflow/sdk/execution_time/supervisor.py). Any other 404
    is of a server that is not Airflow, or of a version without this route.
    """
    said = error.error.detail or {}
    body = said.get("detail")
    inner = body.get("detail") if isinstance(body, Mapping) else None
    reason = inner.get("reason") if isinstance(inner, Mapping) else None
    return said.get("status_code") == HTTPStatus.NOT_FOUND and reason == "not_found"
