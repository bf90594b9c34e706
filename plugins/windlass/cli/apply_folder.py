"""`windlass apply -f DIR`: every spec of a folder, each by a run of its own; one that fails hides no other."""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from windlass.cli.airflow_access import open_client
from windlass.cli.output_form import show_document, table
from windlass.cli.runs import result_of
from windlass.cli.upgrade import how_of
from windlass.errors import SpecError, WindlassError, exit_code
from windlass.operation_names import Operation

if TYPE_CHECKING:
    from windlass.cli.embedded.client import AirflowClient, TaskView
    from windlass.domain.sync import SpecFile

_OF_ONE = ("cluster", "spec", "gone", "accept_new_host_key", "plan_digest", "stop_after")
"""What only one cluster can be told."""
_WORST_FIRST = (1, 4, 3, 2)
"""Exit codes: something failed half-way, nobody answers, something was refused, a file is wrong."""


def apply_folder(arguments: argparse.Namespace) -> int:
    """Apply all specs; the exit code is that of the worst."""
    from windlass.domain.sync import read_files
    from windlass.effects.spec_folder import read_folder

    if mixed := [name for name in _OF_ONE if getattr(arguments, name)]:
        names = ", ".join(f"`{one.replace('_', '-')}`" for one in mixed)
        raise SpecError(f"{names} is for one cluster, and -f for all of a folder: give one of them")
    texts, unreadable = read_folder(arguments.folder)
    files = read_files(texts)
    wrong = {**files.wrong, **unreadable}
    for path in files.others:
        print(f"windlass: {path}: no spec of a cluster, passed over", file=sys.stderr)
    if not files.specs and not wrong:
        raise SpecError(f"{arguments.folder}: there is no spec in it; one has `apiVersion: windlass/v1`")
    told = [_failed(path, "", SpecError(text)) for path, text in wrong.items()]
    if files.specs:
        with open_client(arguments.airflow) as client:
            told += _apply_all(client, files.specs, arguments)
    told.sort(key=lambda one: str(one["file"]))
    show_document(told, arguments.output, lambda: _lines(told))
    codes = {int(one["exit_code"]) for one in told}
    return next((code for code in _WORST_FIRST if code in codes), 0)


def _apply_all(
    client: AirflowClient, specs: Sequence[SpecFile], arguments: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """Start all runs, then follow one after the other: they run side by side."""
    prefix = arguments.run_id or f"apply-{uuid.uuid4().hex[:8]}"
    begun: dict[str, str] = {}
    for one in specs:
        run_id = f"{prefix}-{one.cluster}"
        try:
            client.trigger(Operation.APPLY, run_id=run_id, conf=_conf(one, arguments))
        except WindlassError as error:
            yield _failed(one.path, one.cluster, error)
            continue
        begun[one.cluster] = run_id
    for one in specs:
        if one.cluster in begun:
            yield _followed(client, one, begun[one.cluster], arguments)


def _conf(one: SpecFile, arguments: argparse.Namespace) -> dict[str, Any]:
    return {"cluster": one.cluster, "reason": arguments.reason or f"apply -f: {one.path}", "spec": one.text} | how_of(
        arguments
    )


def _followed(client: AirflowClient, one: SpecFile, run_id: str, arguments: argparse.Namespace) -> dict[str, Any]:
    told = {"file": one.path, "cluster": one.cluster, "run_id": run_id, "exit_code": 0}
    if arguments.no_wait:
        return told

    def show(task: TaskView) -> None:
        if task.state == "failed":
            print(f"{one.cluster}: {task.label or task.task_id} failed", file=sys.stderr, flush=True)

    try:
        state = client.follow(Operation.APPLY, run_id, show, within=timedelta(minutes=arguments.minutes))
        return told | {"result": result_of(client, state)}
    except WindlassError as error:
        return told | _failed(one.path, one.cluster, error)


def _failed(path: str, cluster: str, error: WindlassError) -> dict[str, Any]:
    return {"file": path, "cluster": cluster, "exit_code": exit_code(error), "error": str(error)}


def _lines(told: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [(str(one["file"]), str(one["cluster"]), *_state(one)) for one in told]
    return table(("FILE", "CLUSTER", "STATE", "STEPS OR ERROR"), rows)


def _state(one: Mapping[str, Any]) -> tuple[str, str]:
    if "error" in one:
        return ("failed", str(one["error"]))
    result = one.get("result") or {}
    return (str(result.get("state", "started")), ", ".join(result.get("steps") or ()))
