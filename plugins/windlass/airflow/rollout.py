"""What a run of an upgrade was asked for, and what its tasks have handed over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import Context

from windlass.airflow.given import given_names, given_spec, given_text
from windlass.airflow.step_order import left_undone
from windlass.domain.pki import Rotated
from windlass.domain.rollout.result import UpgradeRun
from windlass.domain.rollout.upgrade_path import UpgradeRequest

IS_COMPLETE = "is_complete"
"""The XCom key by which the task `confirm` says whether its steps are all that is left."""


def upgrade_request(params: Mapping[str, Any]) -> UpgradeRequest:
    """Read the params."""
    return UpgradeRequest(
        version=given_text(params, "version"),
        spec=given_spec(params),
        stop_after=given_text(params, "stop_after"),
        plan_only=bool(params.get("plan_only")),
        allow_untested=bool(params.get("allow_untested")),
        gone=given_names(params, "gone"),
        accept_new_host_key=given_names(params, "accept_new_host_key"),
        plan_digest=given_text(params, "plan_digest"),
        rotates=rotated(params.get("what") or ""),
    )


ALL_ROTATED = "all"
"""What a rotation is asked for that changes every authority and every key."""


MASTER_KEY = "master-key"
"""What is asked for that only seals the PKI again, with the first master key of the connection."""


def rotated(what: str) -> tuple[str, ...]:
    """Return what is to be changed, by name; nothing where the param is empty. Authorities take their leaves along."""
    if what == ALL_ROTATED:
        return tuple(one.value for one in Rotated if one is not Rotated.LEAVES)
    return (Rotated(what).value,) if what not in {"", MASTER_KEY} else ()


def upgrade_run(context: Context, *, confirm: str, rollout: str, gate: str = "") -> UpgradeRun:
    """Read what the tasks of those names have handed over so far; nothing of the gate unless it is named."""
    pull = context["ti"].xcom_pull
    steps, changes = pull(task_ids=confirm) or [], pull(task_ids=rollout) or []
    return UpgradeRun(
        request=upgrade_request(context["params"]),
        gate=(pull(task_ids=gate) if gate else None) or {},
        steps=steps,
        undone=left_undone(context, rollout) if steps else frozenset(),
        goes_to_the_end=bool(pull(task_ids=confirm, key=IS_COMPLETE)),
        changes=[changes] if isinstance(changes, Mapping) else changes,  # Airflow gives the value of a single one bare
    )
