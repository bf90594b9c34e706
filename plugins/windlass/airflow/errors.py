"""Which failures end a task for good, and which are worth another try.

`windlass.errors.TRANSIENT` is the one table. Every other error of ours would be the same the next time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, AirflowTaskTimeout

from windlass.airflow.time_limits import USUAL
from windlass.errors import TRANSIENT, SkippedError, WindlassError

RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(exception=list(TRANSIENT), action=RetryAction.RETRY),
        RetryRule(exception="airflow.sdk.exceptions.TaskDeferralError", action=RetryAction.RETRY),
        RetryRule(
            exception=AirflowTaskTimeout, action=RetryAction.FAIL, reason="it took longer than anything of its kind"
        ),
        RetryRule(exception=Exception, action=RetryAction.FAIL, reason="not a transient error"),
    ]
)

TASK_DEFAULTS: Mapping[str, Any] = {
    "owner": "windlass",
    "retries": 3,
    "retry_delay": timedelta(seconds=5),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=1),
    "retry_policy": RETRY_POLICY,
    "execution_timeout": USUAL,
}
"""The `default_args` of every DAG here: a task that was killed or met a transient error runs again, others end."""


@contextmanager
def ending_on_permanent_errors() -> Iterator[None]:
    """Turn a permanent error of ours into `AirflowFailException`, which Airflow never retries; also a decorator.

    What is skipped is no failure, and becomes `AirflowSkipException`. A task that ran into its time limit ends like any
    other that failed for good, so that what comes after a failure does come: the lease is given back.
    """
    try:
        yield
    except TRANSIENT:
        raise
    except SkippedError as reason:
        raise AirflowSkipException(str(reason)) from reason
    except WindlassError as error:
        raise AirflowFailException(str(error)) from error
    except AirflowTaskTimeout as error:
        raise AirflowFailException(
            "it took longer than anything of its kind (`execution_timeout`) and was ended; what it had begun on hosts "
            "may have been done or still be under way: the log says what it did last. Look at that host, then clear "
            "this task or start the run again, which goes on from what it finds"
        ) from error
