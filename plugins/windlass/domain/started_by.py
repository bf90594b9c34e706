"""Whether a person started a run. Who did so waits where a schedule passes, and may have what the spec switched off."""

from __future__ import annotations

from windlass.errors import SkippedError, WaitingError

_BY_PERSON = "manual"


def is_started_by_person(run_type: str) -> bool:
    """Tell by the type of a run of Airflow whether a person started it: by trigger form, API or command.

    Every other type is a machine's: `scheduled`, `asset_triggered`, `asset_materialization`, `operator_triggered`
    (another DAG), `backfill`; also one that is not known. Tasks are given the type of their run, and not `triggered_by`
    (`DagRun` in airflow/sdk/api/datamodels/_generated.py of Airflow 3.3).
    """
    return run_type == _BY_PERSON


def put_off(reason: str, *, is_by_person: bool) -> WaitingError | SkippedError:
    """Return the error of a run that cannot do its work now: a person's waits, any other leaves it to the next one."""
    return WaitingError(reason) if is_by_person else SkippedError(reason)
