"""A small client of Airflow's REST API: trigger a run, follow its tasks, read logs and results.

It works with any Airflow that hands out tokens at /auth/token, the embedded one above all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import httpx

from windlass.cli.embedded.refusals import detail, is_token_refused, why_refused
from windlass.domain.secret import Secret
from windlass.errors import NotReadyError, RefusedError, SpecError, UnreachableError, WindlassError

_API = "/api/v2"
_POLL_SECONDS = 0.7
"""A look costs the API server some 50 ms, on the machine that is to do the work."""
_REFUSALS = frozenset(
    {httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND, httpx.codes.CONFLICT, httpx.codes.TOO_MANY_REQUESTS}
)
_QUEUED_SECONDS = 15.0
"""After how long it is asked why a run has not begun."""
_ENDED = frozenset({"success", "failed"})


@dataclass(frozen=True)
class DagRunState:
    """How far a DAG run has come."""

    dag_id: str
    run_id: str
    state: str

    @property
    def has_ended(self) -> bool:
        """Whether the run has come to its end, good or bad."""
        return self.state in _ENDED


@dataclass(frozen=True)
class TaskView:
    """One task instance of a run, as a person wants to see it."""

    task_id: str
    label: str
    """The name of the mapped instance (the host), or an empty string."""
    map_index: int
    try_number: int
    state: str
    """Airflow's word, or `none` while nothing has happened."""
    seconds: float | None

    @property
    def key(self) -> tuple[str, int]:
        """What tells this instance from the others of its run."""
        return self.task_id, self.map_index


class AirflowClient:
    """A connection to one Airflow, as one user: by name and password, or by a `token` that somebody got with them."""

    def __init__(
        self,
        url: str,
        user: str = "",
        password: str = "",
        *,
        token: Secret | None = None,
        timeout: timedelta = timedelta(seconds=30),
    ) -> None:
        self._http = httpx.Client(base_url=url, timeout=timeout.total_seconds(), trust_env=False)
        self._url = url
        self._credentials = {"username": user, "password": password}
        self._token = token

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give up the connection."""
        self._http.close()

    def trigger(self, dag_id: str, *, run_id: str, conf: Mapping[str, Any] | None = None) -> DagRunState:
        """Start a run; a run that has this id already is returned as it is, so that a repeated call is harmless."""
        body = {"dag_run_id": run_id, "conf": dict(conf or {}), "logical_date": None}
        answer = self._send("POST", f"{_API}/dags/{dag_id}/dagRuns", json=body)
        if answer.status_code == httpx.codes.CONFLICT:
            return self.run(dag_id, run_id)
        return _run_state(self._checked(answer))

    def unpause(self, dag_id: str) -> None:
        """Let runs of a DAG start."""
        self._checked(self._send("PATCH", f"{_API}/dags/{dag_id}", json={"is_paused": False}))

    def pause(self, dag_id: str) -> None:
        """Let no run of a DAG start any more, and nothing watch for it."""
        self._checked(self._send("PATCH", f"{_API}/dags/{dag_id}", json={"is_paused": True}))

    def has_dag(self, dag_id: str) -> bool:
        """Tell whether the DAG processor has found this DAG yet."""
        answer = self._send("GET", f"{_API}/dags/{dag_id}")
        return answer.status_code != httpx.codes.NOT_FOUND and bool(self._checked(answer))

    def import_errors(self) -> list[str]:
        """Return the errors of all DAG files that could not be imported."""
        found = self._checked(self._send("GET", f"{_API}/importErrors"))
        return [
            f"{item['filename']}: {item['stack_trace'].strip().splitlines()[-1]}" for item in found["import_errors"]
        ]

    def wait_for_dag(self, dag_id: str, *, within: timedelta = timedelta(seconds=60)) -> None:
        """Return once the DAG is known; an import error anywhere is part of the error's message."""
        deadline = time.monotonic() + within.total_seconds()
        while not self.has_dag(dag_id):
            if time.monotonic() > deadline:
                causes = "; ".join(self.import_errors()) or "the DAG processor has not found it"
                raise NotReadyError(f"DAG {dag_id} is not known after {within.total_seconds():.0f} s: {causes}")
            time.sleep(0.3)

    def run(self, dag_id: str, run_id: str) -> DagRunState:
        """Return the state of a run."""
        return _run_state(self._checked(self._send("GET", f"{_API}/dags/{dag_id}/dagRuns/{run_id}")))

    def runs(self, dag_id: str, *, limit: int = 20) -> list[DagRunState]:
        """Return the newest runs of a DAG, the newest first."""
        query = {"limit": limit, "order_by": "-run_after"}
        found = self._checked(self._send("GET", f"{_API}/dags/{dag_id}/dagRuns", params=query))
        return [_run_state(item) for item in found["dag_runs"]]

    def clear_failed(self, dag_id: str, run_id: str) -> None:
        """Have the failed tasks of a run, and what waited for them, run again."""
        body = {"dry_run": False, "only_failed": True}
        self._checked(self._send("POST", f"{_API}/dags/{dag_id}/dagRuns/{run_id}/clear", json=body))

    def tasks(self, dag_id: str, run_id: str) -> list[TaskView]:
        """Return all task instances of a run, mapped ones each for itself."""
        path = f"{_API}/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        return [_task_view(item) for item in self._pages(path, "task_instances")]

    def _pages(self, path: str, key: str) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            page = self._checked(self._send("GET", path, params={"limit": 100, "offset": offset}))
            yield from page[key]
            offset += len(page[key])
            if not page[key] or offset >= page["total_entries"]:
                return

    def follow(
        self, dag_id: str, run_id: str, on_change: Callable[[TaskView], None], *, within: timedelta
    ) -> DagRunState:
        """Report each change of a task until the run ends; raise `UnreachableError` when it takes longer."""
        seen: dict[tuple[str, int], tuple[str, int]] = {}

        def report() -> None:
            for task in self.tasks(dag_id, run_id):
                if seen.get(task.key) != (task.state, task.try_number):
                    seen[task.key] = (task.state, task.try_number)
                    on_change(task)

        return self._poll(dag_id, run_id, report, within)

    def wait(self, dag_id: str, run_id: str, *, within: timedelta) -> DagRunState:
        """Return the state in which a run ended; raise `UnreachableError` when it takes longer."""
        return self._poll(dag_id, run_id, lambda: None, within)

    def _poll(self, dag_id: str, run_id: str, look: Callable[[], None], within: timedelta) -> DagRunState:
        begun = time.monotonic()
        deadline = begun + within.total_seconds()
        while True:
            state = self.run(dag_id, run_id)
            look()
            if state.has_ended:
                return state
            if state.state == "queued" and time.monotonic() > begun + _QUEUED_SECONDS:
                self._require_unpaused(state)
            if time.monotonic() > deadline:
                raise UnreachableError(f"{dag_id} run {run_id} is still {state.state} after {within}; see {self._url}")
            time.sleep(_POLL_SECONDS)

    def _require_unpaused(self, state: DagRunState) -> None:
        """RefusedError if a run waits for somebody to unpause its DAG, for which nobody should wait here."""
        if self._checked(self._send("GET", f"{_API}/dags/{state.dag_id}"))["is_paused"]:
            raise RefusedError(
                f"the DAG `{state.dag_id}` is paused in Airflow at {self._url}, so that its run {state.run_id} waits; "
                "unpause it"
            )

    def log(self, dag_id: str, run_id: str, task: TaskView) -> str:
        """Return the log of the latest try of a task as plain text."""
        path = f"{_API}/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task.task_id}/logs/{max(task.try_number, 1)}"
        query = {"map_index": task.map_index, "full_content": True}
        found = self._checked(self._send("GET", path, params=query))
        return "\n".join(_log_line(item) for item in found["content"])

    def xcom(self, dag_id: str, run_id: str, task_id: str, *, key: str = "return_value", map_index: int = -1) -> Any:
        """Return what a task handed on."""
        path = f"{_API}/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        found = self._checked(self._send("GET", path, params={"map_index": map_index, "deserialize": True}))
        return found["value"]

    def answer_approval(self, dag_id: str, run_id: str, task: TaskView, *, option: str = "Approve") -> None:
        """Answer a task that waits for a person."""
        path = f"{_API}/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task.task_id}/{task.map_index}/hitlDetails"
        self._checked(self._send("PATCH", path, json={"chosen_options": [option], "params_input": {}}))

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            answer = self._authorized(method, path, **request)
            if is_token_refused(answer):
                self._token = None
                answer = self._authorized(method, path, **request)
        except httpx.TransportError as error:
            raise self._away(error) from error
        return answer

    def _authorized(self, method: str, path: str, **request: Any) -> httpx.Response:
        if self._token is None:
            self._token = self._new_token()
        bearer = {"Authorization": f"Bearer {self._token.reveal()}"}
        return self._http.request(method, path, headers=bearer, **request)

    def log_in(self) -> Secret:
        """Return a token for user and password, which is good for as long as Airflow says; RefusedError if it is not.

        UnreachableError if Airflow does not answer.
        """
        try:
            return self._new_token()
        except httpx.TransportError as error:
            raise self._away(error) from error

    def _new_token(self) -> Secret:
        if not self._credentials["password"]:
            raise RefusedError(
                f"the login to Airflow at {self._url} has ended; log in again: `windlass login --airflow {self._url}`"
            )
        answer = self._http.post("/auth/token", json=self._credentials)
        if answer.is_client_error:
            raise RefusedError(f"Airflow at {self._url} refuses the login of {self._credentials['username']}")
        return Secret(str(self._checked(answer)["access_token"]))

    def _away(self, error: httpx.TransportError) -> UnreachableError:
        return UnreachableError(f"Airflow at {self._url} does not answer: {error}; is it up?")

    def ask_plugin(self, method: str, path: str, **request: Any) -> Any:
        """Return what Windlass's own API in Airflow answers; RefusedError with its reason if it refuses."""
        answer = self._send(method, f"/windlass/api/{path}", **request)
        if answer.status_code in _REFUSALS:
            raise RefusedError(f"Airflow at {self._url}: {why_refused(answer)}")
        if answer.status_code == httpx.codes.BAD_REQUEST:
            raise SpecError(f"Airflow at {self._url}: {detail(answer)}")
        return answer.json() if answer.is_success else self._checked(answer)

    def _checked(self, answer: httpx.Response) -> dict[str, Any]:
        if answer.is_success:
            return dict(answer.json())
        where = f"{answer.request.method} {answer.request.url.path}"
        kind = RefusedError if answer.status_code == httpx.codes.FORBIDDEN else WindlassError
        raise kind(f"Airflow answered {where} with {answer.status_code}: {detail(answer)}")


def _run_state(item: Mapping[str, Any]) -> DagRunState:
    return DagRunState(dag_id=item["dag_id"], run_id=item["dag_run_id"], state=item["state"])


def _task_view(item: Mapping[str, Any]) -> TaskView:
    return TaskView(
        task_id=item["task_id"],
        label=item.get("rendered_map_index") or "",
        map_index=item["map_index"],
        try_number=item["try_number"],
        state=item["state"] or "none",
        seconds=item["duration"],
    )


def _log_line(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)
    rest = " ".join(f"{key}={value}" for key, value in item.items() if key not in {"timestamp", "event", "logger"})
    return f"{item.get('timestamp') or ''} {item.get('event', '')} {rest}".strip()
