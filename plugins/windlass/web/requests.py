"""Which requests to Airflow's API steer or read runs of Windlass, and what right over which cluster each takes.

As the routes of Airflow 3.3 are (airflow/api_fastapi/core_api/routes/public): a request whose cluster cannot be told
from it, such as one about many runs, takes the right over every cluster.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from windlass.domain.spec.access import Right
from windlass.domain.spec.rights import APPROVE, DELETE, OPERATE, SEE
from windlass.operation_names import Operation
from windlass.operations.rights import right_to_run

_DAG = re.compile(r"/(?:api/v2|ui)/dags(?:/(?P<dag>[^/]+)(?P<rest>/.*)?)?/?\Z", re.DOTALL)
_RUN = re.compile(r"/dagRuns/(?P<run>[^/]+)(?P<what>/.*)?\Z", re.DOTALL)
_ASSET = re.compile(r"/api/v2/assets/(?P<asset>[^/]+)(?:/.*)?\Z", re.DOTALL)
_READS = re.compile(r"/(?:dagRuns|dagRuns/[^/]+/taskInstances)/list/?\Z|/(?:un)?favorite/?\Z|.*/dry_run/?\Z", re.DOTALL)
"""Requests that change nothing for others, whatever their method."""
_COMMAND_RUNS = re.compile(rf"/api/v2/dags/{Operation.COMMAND}/dagRuns/?\Z")
_WIDENING = ("include_future", "include_past")
"""Switches by which a request about one run is about others of its DAG, too."""
_MANY = "~"
"""How Airflow's API writes "any DAG" or "any run"."""
OF_ALL = frozenset({Operation.WATCH, Operation.SCHEDULE_BACKUPS, Operation.WATCH_CATALOG, Operation.SYNC_SPECS})
"""DAGs whose runs are about every cluster, whatever cluster their conf names."""
_SHOW_SPECS = frozenset({Operation.SYNC_SPECS})
"""Of these, those whose runs say of clusters what only their specs do."""
OUR_ASSETS = "windlass_"
"""How the names of Windlass's assets begin."""


@dataclass(frozen=True)
class Demand:
    """What a request takes: rights over a cluster, over that of a run, or over every cluster."""

    rights: tuple[Right, ...]
    cluster: str | None = None
    run: tuple[str, str] | None = None
    """DAG and run id, whose cluster it is about."""
    asset: int | None = None
    """The asset that it is about, by its id; Windlass's own take something, and those of which that is not known."""
    spec: str = ""
    """The spec that it would have a run apply: what rights that gives to somebody, it takes."""


_RESULTS = "results of Windlass's tasks are written by its tasks alone"
_COMMANDS = (
    f"runs of `{Operation.COMMAND}` are started by `windlass` alone: give the command on your machine with "
    "--airflow URL, see docs/commands.md"
)


def why_forbidden(path: str) -> str:
    """Say why a request that changes something is nobody's; empty if it may be somebody's.

    Results by which tasks of Windlass go on are; and runs of commands, for which one's own API asks for other rights.
    """
    if _is_ours(path) and "/xcomEntries" in path:
        return _RESULTS
    return _COMMANDS if _COMMAND_RUNS.search(path) else ""


def demand_of(method: str, path: str, body: Any) -> Demand | None:
    """Return what a request that may change something takes; None if it is not about runs of Windlass."""
    if not _is_ours(path):
        asset = _ASSET.search(path)
        return Demand((OPERATE,), asset=_asset_in(asset["asset"], body)) if asset else None
    found = _DAG.search(path)
    dag, rest = (found["dag"] or _MANY, found["rest"] or "") if found else (_MANY, "")
    if _READS.fullmatch(rest):
        return None
    given: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
    if method == "POST" and rest.rstrip("/") == "/dagRuns" and dag != _MANY:
        return Demand((right_to_run(dag),), None if dag in OF_ALL else _cluster_of(given), spec=_spec_of(given))
    return _about_a_run(dag, rest, given)


def view_of(path: str) -> Demand | None:
    """Return what a request takes that reads of one run: its logs, results, questions; None if it is about no one run.

    What gives several, `run_lists` has.
    """
    if not _is_ours(path):
        return None
    found = _DAG.search(path)
    dag, run = (found["dag"], _RUN.search(found["rest"] or "")) if found else (None, None)
    if dag in _SHOW_SPECS and run is not None:
        return Demand((SEE,))
    if dag is None or run is None or _MANY in {dag, run["run"]} or dag in OF_ALL or _READS.fullmatch(run[0]):
        return None
    return Demand((SEE,), run=(dag, run["run"]))


def _is_ours(path: str) -> bool:
    found = _DAG.search(path)
    return found is not None and (found["dag"] or _MANY) in {_MANY, *Operation}


def _asset_in(named: str, body: Any) -> int | None:
    """Return the id of the asset that a request is about; None if it cannot be told.

    Only ids of plain digits can: Airflow takes an id in other forms too, such as `5.0`, `+5` or `1_0` (pydantic's
    conversion), and then nobody here says which asset that is.
    """
    found = (body.get("asset_id") if isinstance(body, Mapping) else None) if named == "events" else named
    is_plain = isinstance(found, int | str) and not isinstance(found, bool) and re.fullmatch(r"[0-9]{1,18}", str(found))
    return int(str(found)) if is_plain else None


def _cluster_of(body: Mapping[str, Any]) -> str | None:
    """Return the cluster of a run that is asked for, as `RunContext.of` finds it; None if it names none."""
    conf = body.get("conf")
    named = conf.get("cluster") if isinstance(conf, Mapping) else None
    found = named or body.get("partition_key")
    return found if isinstance(found, str) else None


def _spec_of(body: Mapping[str, Any]) -> str:
    """Return the spec of a run that is asked for, as `given_spec` finds it."""
    conf = body.get("conf")
    return str(conf.get("spec") or "") if isinstance(conf, Mapping) else ""


def _about_a_run(dag: str, rest: str, body: Mapping[str, Any]) -> Demand:
    found = _RUN.search(rest)
    run = found["run"] if found else _cleared_run(rest, body)
    is_wide = any(body.get(name) for name in _WIDENING)
    if run is None or is_wide or _MANY in {dag, run}:
        return Demand((OPERATE, DELETE) if dag == _MANY else (right_to_run(dag),))
    is_answer = found is not None and (found["what"] or "").rstrip("/").endswith("/hitlDetails")
    right = APPROVE if is_answer else right_to_run(dag)
    return Demand((right,), run=None if dag in OF_ALL else (dag, run))


def _cleared_run(rest: str, body: Mapping[str, Any]) -> str | None:
    """Return the run whose tasks are cleared; None if it is another request, or names no run."""
    run = body.get("dag_run_id")
    return run if rest.rstrip("/") == "/clearTaskInstances" and isinstance(run, str) else None
