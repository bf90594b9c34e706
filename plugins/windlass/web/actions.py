"""What people may have done to a cluster from its page, each by a run of a DAG, with a form that is filled already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from windlass.operation_names import Operation
from windlass.web.cluster_runs import DagForm
from windlass.web.fields import Field, Option, options_of

PLAN_ONLY, DIGEST = "plan_only", "plan_digest"
_OWN = frozenset({"cluster", PLAN_ONLY, DIGEST})
"""Params that the page fills by itself."""


@dataclass(frozen=True)
class Action:
    """One of them."""

    operation: Operation
    title: str
    text: str
    is_grave: bool = False
    """Whether something is lost by it."""


ACTIONS = (
    Action(Operation.APPLY, "Apply", "Brings the cluster to its spec, whatever differs: the stored one, or a changed one."),
    Action(Operation.UPGRADE, "Upgrade", "Moves the cluster to another Kubernetes release, host by host."),
    Action(Operation.BACK_UP, "Back up", "Takes a recovery bundle now, verified by content."),
    Action(Operation.DRILL, "Drill", "Proves that a bundle restores, on one host, cut off from every network."),
    Action(Operation.REMEDIATE, "Repair", "Looks at all of the cluster now, and repairs what is unhealthy or has drifted."),
    Action(Operation.REPLACE_MEMBER, "Replace a host's etcd", "Makes the etcd member on one host healthy again, or replaces it."),
    Action(Operation.ROTATE, "Rotate", "Changes certificates, authorities or keys, phase by phase."),
    Action(Operation.RECOVER, "Recover", "Brings the cluster back from a bundle. What was written since is lost.", is_grave=True),
    Action(Operation.DELETE, "Delete", "Takes the cluster off its hosts. What is on them is lost.", is_grave=True),
)  # fmt: skip
BY_OPERATION = {one.operation: one for one in ACTIONS}


@dataclass(frozen=True)
class ActionForm:
    """The form of an action at one cluster."""

    action: Action
    usual: tuple[Field, ...]
    rare: tuple[Field, ...]
    plans: bool
    """Whether a run may only plan."""
    pins_plan: bool
    """Whether a run may be told to do just the plan that was shown."""
    is_paused: bool


def action_form(
    action: Action, form: DagForm, cluster: dict[str, Any], bundles: Sequence[dict[str, Any]]
) -> ActionForm:
    """Return the form, filled with what the cluster has: its hosts, its bundles, the releases on offer to it."""
    names = {one.name for one in form.fields}
    fields = [_filled(one, cluster, bundles) for one in form.fields if one.name not in _OWN]
    return ActionForm(
        action=action,
        usual=tuple(one for one in fields if not one.is_rare),
        rare=tuple(one for one in fields if one.is_rare),
        plans=PLAN_ONLY in names,
        pins_plan=DIGEST in names,
        is_paused=form.is_paused,
    )


def _filled(field: Field, cluster: dict[str, Any], bundles: Sequence[dict[str, Any]]) -> Field:
    hosts = [one["name"] for one in cluster["hosts"]]
    if field.name == "version":
        return _chosen(
            field, (*options_of(reversed(cluster["upgrades"])), Option("", f"{cluster['version']}, which runs"))
        )
    if field.name == "bundle":
        return _chosen(field, (Option("newest", "the newest"), *_bundles(bundles)))
    if field.name == "host":
        etcd = [one["name"] for one in cluster["hosts"] if "etcd" in one["roles"]]
        ill = [name for name in etcd if _is_ill(cluster, name)]
        return replace(_chosen(field, options_of(etcd)), value=next(iter(ill), ""))
    if field.name == "stop_after":
        return _chosen(field, (Option("", "go on to the end"), *options_of(hosts)))
    if field.name in {"gone", "accept_new_host_key"}:
        return replace(field, kind="checks", options=options_of(hosts))
    if field.name == "finding":
        found = [Option(one["id"], _finding(one)) for one in cluster["findings"] if one.get("id")]
        return _chosen(field, (Option("", "everything that is found now"), *found))
    if field.name == "confirm_name":
        return replace(field, hint=cluster["name"])
    return field


def _chosen(field: Field, options: Sequence[Option]) -> Field:
    return replace(field, kind="choice", options=tuple(options), pattern="")


def _bundles(bundles: Sequence[dict[str, Any]]) -> Iterator[Option]:
    words = {True: ", proven by a drill", False: ", failed its drill", None: ""}
    yield from (Option(one["id"], f"{one['id']}{words[one['proven']]}") for one in bundles)


def _finding(one: dict[str, Any]) -> str:
    place = f" on {one['host']}" if one.get("host") else ""
    return f"{one.get('component', '')}{place}: {str(one.get('kind', '')).replace('_', ' ')}"


def _is_ill(cluster: dict[str, Any], host: str) -> bool:
    services = next(one["services"] for one in cluster["hosts"] if one["name"] == host)
    return services.get("etcd", {}).get("status") == "unhealthy"
