"""Alerts of backups and drills: a line in the cluster's service log, and a notice to whoever wants to know."""

from __future__ import annotations

import contextlib
from functools import partial

from airflow.sdk import Context

from windlass.airflow.run_alerts import mark_told
from windlass.airflow.run_context import RunContext, is_by_person
from windlass.domain.notice import Notice
from windlass.domain.servicelog import Level
from windlass.errors import WindlassError
from windlass.operations.run import Attempt


def attempt_of(context: Context, run: RunContext, retries: int | None) -> Attempt:
    """Return this try of a task that is tried again `retries` times."""
    return Attempt(
        alert=partial(_alert_for_run, context, run),
        is_by_person=is_by_person(context),
        is_last=context["ti"].try_number > (retries or 0),
    )


def _alert_for_run(context: Context, run: RunContext, text: str, level: Level = "error") -> None:
    notify_alert(context, run, text, level)
    mark_told(context, text)


def notify_alert(context: Context, run: RunContext, text: str, level: Level = "error") -> None:
    """Write a line to the cluster's service log and notify people; the store may be what is away."""
    with contextlib.suppress(WindlassError):
        run.log(text, level=level)
    run.services.notify([Notice(run.name, text, level, component="etcd", is_alert=True)], context)
