"""What an operator is given: fields of its own, which may be templates, else the run's params of the same names.

The DAGs of Windlass give their operators nothing and have params; a DAG of somebody's own may do either. Nothing that a
run's params hold is ever rendered as a template.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from airflow.sdk import BaseOperator, Context

from windlass.errors import SpecError

REQUEST = "request"
"""The field of operators that take a whole request: a mapping of inputs by their names."""


def with_inputs(operator: BaseOperator, context: Context) -> Context:
    """Return the context of a run, with the operator's own inputs in place of the params of the same names.

    SpecError names an input that is not of its form.
    """
    given = {name: getattr(operator, name) for name in operator.template_fields if name in INPUTS}
    given |= getattr(operator, REQUEST, None) or {}
    own = {name: _read(operator.task_id, name, value) for name, value in given.items() if value is not None}
    return cast("Context", {**context, "params": {**context["params"], **own}}) if own else context


def _read(task: str, name: str, value: Any) -> Any:
    form = INPUTS.get(name)
    if form is None:
        raise SpecError(f"{task}: there is no input `{name}`; there are {', '.join(sorted(INPUTS))}")
    try:
        return form(value)
    except ValueError as error:
        raise SpecError(f"{task}: {name}: {value!r} is no {error}") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("text")  # noqa: TRY004 - said with the name of the input
    return value


def _switch(value: Any) -> bool | None:
    """Read a switch; what a template makes of one is text."""
    known = {"true": True, "false": False, "none": None, "": None}
    text = str(value).strip().lower()
    if text not in known:
        raise ValueError("switch: give true or false")
    return known[text]


def _names(value: Any) -> list[str]:
    if isinstance(value, str) or not all(isinstance(one, str) for one in value):
        raise ValueError("list of names: give a list, or another task's output")
    return list(value)


INPUTS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(
        (
            "cluster", "reason", "spec", "host", "bundle", "version", "stop_after", "plan_digest", "what",
            "confirm_name", "finding", "ref", "folder", "namespace", "kind", "name",
        ),
        _text,
    ),
    **dict.fromkeys(
        (
            "plan_only", "keep_backups", "auto_approve", "outside_window", "allow_untested", "restore_versions",
            "overwrite_healthy", "overwrite", "put_back",
        ),
        _switch,
    ),
    **dict.fromkeys(("gone", "accept_new_host_key"), _names),
}  # fmt: skip
