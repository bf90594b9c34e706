"""Runs of Windlass in what Airflow's API answers: found wherever they stand in it, and taken out.

As the answers of Airflow 3.3 are (airflow/api_fastapi/core_api/datamodels): what is of one run has the id of its DAG
beside that of the run, and an event of an asset has its partition, which in Windlass is the cluster.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from windlass.operation_names import Operation
from windlass.web.requests import OF_ALL, OUR_ASSETS

_LISTS = re.compile(
    r"/(?:api/v2|ui)/(?:dags|eventLogs|assets|backfills|grid|gantt|partitioned_dag_runs|pending_partitioned_dag_run)"
    r"(?:/(?P<rest>.*))?\Z",
    re.DOTALL,
)
_OF_ONE_DAG = re.compile(r"/(?:api/v2|ui)/(?:dags|grid/[^/]+|gantt)/(?P<dag>[^/~][^/]*)", re.DOTALL)
_DAGS, _RUNS = ("dag_id", "source_dag_id"), ("dag_run_id", "run_id", "source_run_id", "created_dag_run_id")
_GIVEN = frozenset({"conf", "dag_run_conf", "extra", "params", "params_input"})
"""What people and tasks wrote, in which nothing is looked for: it could say anything of any run."""
_INSIDE = "created_dagruns"
"""The runs that an event of an asset began, which may be of other clusters than the event."""
_LATEST = re.compile(r"/latest_run/?\Z")
"""The one request about one run that says `null` where there is none."""


@dataclass(frozen=True)
class Mention:
    """What part of an answer is about: a run, or a cluster; where it is neither, nobody can tell of which it is."""

    run: tuple[str, str] | None = None
    """DAG and run id."""
    cluster: str | None = None


class HiddenError(Exception):
    """The whole answer is about what is not for whoever asks."""


def gives_runs(path: str) -> bool:
    """Tell whether an answer to a request may have runs of Windlass in it."""
    if not _LISTS.search(path):
        return False
    one = _OF_ONE_DAG.search(path)
    return one is None or one["dag"] in _OURS


def documents_in(body: bytes, *, is_lines: bool) -> list[Any]:
    """Return the documents of an answer: one, or one a line; ValueError or RecursionError if it is none."""
    return [json.loads(line) for line in body.splitlines() if line.strip()] if is_lines else [json.loads(body)]


def mentions_in(value: Any) -> Iterator[Mention]:
    """Yield what an answer is about, part by part."""
    if isinstance(value, list):
        for one in value:
            yield from mentions_in(one)
    elif isinstance(value, Mapping):
        if mention := _mention(value):
            yield mention
        for part in _parts(value, mention).values():
            yield from mentions_in(part)


def without(value: Any, hidden: Collection[Mention]) -> Any:
    """Return an answer without what is hidden: out of lists, with what was listed counted less; else HiddenError."""
    if isinstance(value, list):
        return _left(value, hidden)
    if not isinstance(value, Mapping):
        return value
    mention = _mention(value)
    if mention in hidden:
        raise HiddenError
    parts = {name: without(part, hidden) for name, part in _parts(value, mention).items()}
    fewer = sum(len(value[name]) - len(part) for name, part in parts.items() if isinstance(part, list))
    counts = {name: max(0, value[name] - fewer) for name in ("total_entries", "total") if _is_count(value.get(name))}
    return {**value, **parts, **counts}


def written(documents: list[Any]) -> bytes:
    """Return documents as an answer has them, each on a line of its own where there may be several."""
    return b"\n".join(json.dumps(one).encode() for one in documents)


def nothing_instead(path: str) -> bytes | None:
    """Return what Airflow itself answers where there is no such run; None if it answers that with an error."""
    return b"null" if _LATEST.search(path) else None


_OURS = frozenset(Operation) - OF_ALL


def _left(listed: list[Any], hidden: Collection[Mention]) -> list[Any]:
    left = []
    for one in listed:
        try:
            left.append(without(one, hidden))
        except HiddenError:
            continue
    return left


def _parts(value: Mapping[str, Any], mention: Mention | None) -> dict[str, Any]:
    """Return where else there may be runs: what is of one run is of no other."""
    names = {_INSIDE} & set(value) if mention else set(value) - _GIVEN
    return {name: part for name, part in value.items() if name in names and isinstance(part, list | dict)}


def _mention(found: Mapping[str, Any]) -> Mention | None:
    dag = next((found[name] for name in _DAGS if isinstance(found.get(name), str)), "")
    run = next((found[name] for name in _RUNS if isinstance(found.get(name), str)), None)
    partition, asset = found.get("partition_key"), found.get("name")
    if dag in _OURS and run:
        return Mention(run=(dag, run))
    is_asset = "partition_key" in found and isinstance(asset, str) and asset.startswith(OUR_ASSETS)
    if isinstance(partition, str) and partition and (is_asset or dag in frozenset(Operation)):
        return Mention(cluster=partition)
    return Mention() if dag in _OURS and any(name in found for name in _RUNS) else None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
