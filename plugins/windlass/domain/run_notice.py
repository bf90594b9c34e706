"""What people are told of a run that failed, or that waits for them: what happened, what to do, and where."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from windlass.domain.bounded import moment
from windlass.domain.markdown import first_of, shortened
from windlass.domain.notice import Notice
from windlass.operation_names import Operation

LONGEST_FAILURE = 2000
"""Characters of an error that are kept of it; one that lists the problems of many hosts is longer."""
TELL_AGAIN_AFTER = timedelta(hours=1)
"""The same failure of runs that start by themselves is told again after this."""

_FAILED = frozenset({"failed"})
_ENDS = {
    "timed_out": "it took longer than its runs may",
    "all_tasks_deadlocked": "none of its tasks can run any more",
}
"""What Airflow's reason for a failed run means, where it is no task that failed."""
_ENDLESS = frozenset({Operation.SCHEDULE_BACKUPS, Operation.WATCH_CATALOG, Operation.WATCH})
"""DAGs whose next run tries the same again by itself."""


@dataclass(frozen=True)
class TaskFailure:
    """One task of a run that failed."""

    task: str
    """Its id, with its index where it is one of several."""
    text: str = ""
    """What its error said; empty where it could say nothing, as one that was killed."""
    is_told: bool = False
    """Whether people were told of it already."""


@dataclass(frozen=True)
class FailedRun:
    """A run that ended badly."""

    dag_id: str
    run_id: str
    cluster: str
    """Empty where it is about no cluster, or it cannot be told which."""
    reason: str = ""
    """Airflow's own word for why."""
    failures: Sequence[TaskFailure] = ()


def run_link(base_url: str, dag_id: str, run_id: str) -> str:
    """Return the address of a run's page in Airflow."""
    return f"{base_url.rstrip('/')}/dags/{quote(dag_id)}/runs/{quote(run_id, safe='')}"


def failed_run_notice(run: FailedRun, link: str) -> Notice | None:
    """Return what people are told of a run that failed; None if they were told of all that failed in it."""
    if run.failures and all(one.is_told for one in run.failures):
        return None
    untold = [one for one in run.failures if not one.is_told]
    words = ", ".join(f"`{one.task}`" for one in untold)
    said = next((one.text for one in untold if one.text), "")
    where = f" in {words}" if words else ""
    why = said or _ENDS.get(run.reason, "")
    text = f"{run.dag_id} failed{where}{f': {why}' if why else ''}"
    return Notice(run.cluster, f"{text}; {_what_to_do(run, untold)}: {link}", "error", is_alert=True, link=link)


def _what_to_do(run: FailedRun, untold: Sequence[TaskFailure]) -> str:
    look = "" if any(one.text for one in untold) else "its log says why; "
    if run.dag_id in _ENDLESS:
        return f"{look}correct that, the next run tries again by itself"
    return f"{look}when that is corrected, clear the failed task, and the run goes on, or start a new run"


def waiting_notice(cluster: str, subject: str, until: datetime | None, link: str) -> Notice:
    """Return what people are told of a run that waits for somebody's answer."""
    by = f", by {until:%Y-%m-%d %H:%M} UTC, or the run fails" if until is not None else ""
    return Notice(
        cluster,
        f"an approval is waited for: {shortened(subject, LONGEST_FAILURE)}; read the plan, then approve or reject it"
        f"{by}: {link}",
        "warning",
        is_alert=True,
        link=link,
    )


def failed_tasks(states: Mapping[str, str | None], teardowns: Collection[str]) -> tuple[str, ...]:
    """Return the tasks of a run that failed, by the state of each; teardowns only where nothing else did.

    A teardown that fails because of what failed before it says nothing new.
    """
    failed = [task for task, state in states.items() if state in _FAILED]
    return tuple(sorted(task for task in failed if task not in teardowns) or sorted(failed))


@dataclass(frozen=True)
class ToldFailures:
    """What was told last of failing runs of a cluster that start by themselves, by operation."""

    last: Mapping[str, tuple[str, datetime]]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> ToldFailures:
        """Read them as they are stored."""
        return cls({name: (str(one["digest"]), moment(one["told"])) for name, one in document.items()})

    def value(self) -> dict[str, dict[str, str]]:
        """Return them as they are stored."""
        return {name: {"digest": digest, "told": told.isoformat()} for name, (digest, told) in self.last.items()}

    def is_told(self, operation: str, text: str, now: datetime) -> bool:
        """Tell whether people were told the same of this operation a short time ago."""
        digest, told = self.last.get(operation, ("", now))
        return digest == _digest(text) and abs(now - told) < TELL_AGAIN_AFTER

    def with_told(self, operation: str, text: str, now: datetime) -> ToldFailures:
        """Return them, with this told now."""
        return ToldFailures({**self.last, operation: (_digest(text), now)})


def _digest(text: str) -> str:
    """Return what tells failures apart: by their words, and not by numbers, such as an age or a port, in them."""
    words = "".join(one for one in text if not one.isdigit())
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def standstill_notices(
    paused: Iterable[str], told: Collection[str], base_url: str
) -> tuple[tuple[Notice, ...], tuple[str, ...]]:
    """Return what people are told of DAGs that are paused, which nothing does the work of, and whose pause is told."""
    now = tuple(sorted(set(paused)))
    news = [_paused(one, base_url) for one in now if one not in told]
    over = [Notice("", f"`{one}` runs again", is_alert=True) for one in sorted(told) if one not in now]
    return (*news, *over), now


def _paused(dag_id: str, base_url: str) -> Notice:
    link = f"{base_url.rstrip('/')}/dags/{quote(dag_id)}"
    text = f"the DAG `{dag_id}` is paused: {STANDS_STILL[dag_id]}; unpause it, `airflow dags unpause {dag_id}`: {link}"
    return Notice("", text, "error", is_alert=True, link=link)


@dataclass(frozen=True)
class Unwatched:
    """Which clusters nobody watches any more, as it was seen last and as people were told."""

    seen: tuple[str, ...] = ()
    told: tuple[str, ...] = ()

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Unwatched:
        """Read what `value` gave."""
        return cls(tuple(kept.get("seen", ())), tuple(kept.get("told", ())))

    def value(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"seen": list(self.seen), "told": list(self.told)}

    def after(self, now: Iterable[str]) -> tuple[Unwatched, Notice | None]:
        """Return what is known once this is seen, and what people are told; what is seen twice is told.

        Where Airflow as a whole stood still, the watch begins again a moment after whoever looks here.
        """
        current = tuple(sorted(set(now)))
        lasting = tuple(name for name in current if name in self.seen or name in self.told)
        news = [name for name in lasting if name not in self.told]
        if news:
            names = ", ".join(first_of(news, _MOST_NAMES, "clusters"))
            text = f"nobody watches {names} any more; see whether a triggerer runs, and what its log says"
            return Unwatched(current, lasting), Notice("", text, "error", is_alert=True)
        if self.told and not lasting:
            return Unwatched(current), Notice("", "all clusters are watched again", is_alert=True)
        return Unwatched(current, lasting), None


_MOST_NAMES = 10
STANDS_STILL: Mapping[str, str] = {
    Operation.WATCH: "nobody watches the clusters",
    Operation.REMEDIATE: "nothing that is found unhealthy is remediated",
    Operation.BACK_UP: "no backup is taken",
    Operation.DRILL: "no backup is proven",
    Operation.WATCH_CATALOG: "nobody is told of new releases",
}
"""What does not happen while a DAG that runs by itself is paused."""
