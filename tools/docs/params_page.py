"""The reference of the params of each DAG, as the DAGs themselves have them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tools.docs.site import ROOT

_HEAD = (
    "# DAGs and their params",
    "",
    "Params have the same names in Airflow's form, in the `conf` of a run over REST, and in a DAG of your own. One",
    "that is not required may be left out, null or empty, which means its default. How a run is started:",
    "[airflow.md](../airflow.md#starting-an-operation).",
    "",
    "This page is made by `make docs-reference`.",
)


def params_page(dags: Mapping[str, Any]) -> str:
    """Return the page of these DAGs, by their ids."""
    return "\n".join((*_HEAD, *(line for name in sorted(dags) for line in _section(dags[name])), ""))


def all_dags() -> dict[str, Any]:
    """Return all DAGs by their ids; Airflow takes its settings from the environment as it is loaded."""
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415 - it is loaded only once the environment is right

    return dict(DagBag(str(ROOT / "dags"), load_op_links=False).dags)


def _section(dag: Any) -> Iterator[str]:
    yield from ("", f"## {dag.dag_id}", "", " ".join(dag.description.split()))
    rows = [_row(name, dag.params.get_param(name)) for name in dag.params]
    yield from ("", "| param | value | default | meaning |", "|---|---|---|---|", *rows) if rows else ("", "No params.")


def _row(name: str, param: Any) -> str:
    schema = param.schema
    kinds = schema.get("type", "any")
    kinds = [kinds] if isinstance(kinds, str) else [kind for kind in kinds if kind != "null"]
    values = " or ".join(kinds)
    if choices := [one for one in schema.get("enum") or () if one is not None]:
        values = ", ".join(f"`{one}`" for one in choices)
    is_required = "null" not in schema.get("type", ()) and not (param.has_value and param.value not in (None, ""))
    default = "**required**" if is_required else f"`{json.dumps(param.value if param.has_value else None)}`"
    meaning = " ".join(str(schema.get("description_md") or param.description or "").split())
    return f"| `{name}` | {values} | {default} | {meaning} |".replace("\n", " ")
