"""What people may have done to a cluster from its page, each by a run of a DAG, with a form that is filled already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from windlass.operation_names import Operation
from windlass.web.cluster_runs import DagForm
from windlass.web.fields import Field, Option, options_of

Glance = dict[str, Any]
"""A cluster at a glance, as plain values."""
Bundles = Sequence[dict[str, Any]]
Fill = Callable[[Field, Glance, Bundles], Field]
PLAN_ONLY, DIGEST = "plan_only", "plan_digest"
_OWN = frozenset({"cluster", PLAN_ONLY, DIGEST})
"""Params that the page fills by itself."""


@dataclass(frozen=True)
class ClusterAction:
    """One of them."""

    operation: Operation
    title: str
    text: str
    is_grave: bool = False
    """Whether something is lost by it."""


ACTIONS = (
    ClusterAction(
        Operation.APPLY, "Apply", "Brings the cluster to its spec, whatever differs: the stored one, or a changed one."
    ),
    ClusterAction(Operation.UPGRADE, "Upgrade", "Moves the cluster to another Kubernetes release, host by host."),
    ClusterAction(
        Operation.REHEARSE,
        "Rehearse an upgrade",
        "Tries an upgrade on a bundle, cut off from the cluster, and names what would not be taken.",
    ),
    ClusterAction(Operation.BACK_UP, "Back up", "Takes a recovery bundle now, verified by content."),
    ClusterAction(Operation.DRILL, "Drill", "Proves that a bundle restores, on one host, cut off from every network."),
    ClusterAction(
        Operation.REMEDIATE, "Repair", "Looks at all of it now, and repairs what is unhealthy or has drifted."
    ),
    ClusterAction(
        Operation.REPLACE_MEMBER, "Replace a host's etcd", "Makes the etcd member on a host healthy, or replaces it."
    ),
    ClusterAction(Operation.ROTATE, "Rotate", "Changes certificates, authorities or keys, phase by phase."),
    ClusterAction(
        Operation.RESTORE_OBJECTS,
        "Bring objects back",
        "Brings one namespace or one object back from a bundle, with the difference shown first.",
    ),
    ClusterAction(
        Operation.RECOVER,
        "Recover",
        "Brings the cluster back from a bundle. What was written since is lost.",
        is_grave=True,
    ),
    ClusterAction(
        Operation.DELETE, "Delete", "Takes the cluster off its hosts. What is on them is lost.", is_grave=True
    ),
)
BY_OPERATION: Mapping[str, ClusterAction] = {one.operation: one for one in ACTIONS}


@dataclass(frozen=True)
class ActionForm:
    """The form of an action at one cluster."""

    action: ClusterAction
    usual: tuple[Field, ...]
    rare: tuple[Field, ...]
    plans: bool
    """Whether a run may only plan."""
    pins_plan: bool
    """Whether a run may be told to do just the plan that was shown."""
    is_paused: bool


def action_form(action: ClusterAction, form: DagForm, cluster: Glance, bundles: Bundles) -> ActionForm:
    """Return the form, filled with what the cluster has: its hosts, its bundles, the releases on offer to it."""
    names = {one.name for one in form.fields}
    fills = _OF_ONE.get(action.operation, {}) | _FILLED
    fields = [
        fills[one.name](one, cluster, bundles) if one.name in fills else one
        for one in form.fields
        if one.name not in _OWN
    ]
    return ActionForm(
        action=action,
        usual=tuple(one for one in fields if not one.is_rare),
        rare=tuple(one for one in fields if one.is_rare),
        plans=PLAN_ONLY in names,
        pins_plan=DIGEST in names,
        is_paused=form.is_paused,
    )


def _version(field: Field, cluster: Glance, _: Any) -> Field:
    running = Option("", f"{cluster['version']}, which runs")
    return _chosen(field, (*options_of(reversed(cluster["upgrades"])), running))


def _bundle(field: Field, _: Any, bundles: Bundles) -> Field:
    words = {True: ", proven by a drill", False: ", failed its drill", None: ""}
    taken = [Option(one["id"], f"{one['id']}{words[one['proven']]}") for one in bundles]
    return _chosen(field, (Option("newest", "the newest"), *taken))


def _etcd_host(field: Field, cluster: Glance, _: Any) -> Field:
    etcd = [one["name"] for one in cluster["hosts"] if "etcd" in one["roles"]]
    ill = [name for name in etcd if _is_ill(cluster, name)]
    return replace(_chosen(field, options_of(etcd)), value=next(iter(ill), ""))


def _any_hosts(field: Field, cluster: Glance, _: Any) -> Field:
    return replace(field, kind="checks", options=options_of(_hosts(cluster)))


def _found(field: Field, cluster: Glance, _: Any) -> Field:
    found = [Option(one["id"], _finding(one)) for one in cluster["findings"] if one.get("id")]
    return _chosen(field, (Option("", "everything that is found now"), *found))


_FILLED: dict[str, Fill] = {
    "version": _version,
    "bundle": _bundle,
    "host": _etcd_host,
    "accept_new_host_key": _any_hosts,
    "finding": _found,
}
"""How a param is offered at one cluster, by its name; others are as their DAG has them."""
_OF_ONE: Mapping[str, dict[str, Fill]] = {Operation.DELETE: {"gone": _any_hosts}}
"""The same for one DAG alone: hosts that are gone for good have left the spec where another one is applied."""


def _hosts(cluster: Glance) -> list[str]:
    return [one["name"] for one in cluster["hosts"]]


def _chosen(field: Field, options: Sequence[Option]) -> Field:
    return replace(field, kind="choice", options=tuple(options), pattern="")


def _finding(one: dict[str, Any]) -> str:
    place = f" on {one['host']}" if one.get("host") else ""
    return f"{one.get('component', '')}{place}: {str(one.get('kind', '')).replace('_', ' ')}"


def _is_ill(cluster: Glance, host: str) -> bool:
    services = next(one["services"] for one in cluster["hosts"] if one["name"] == host)
    return bool(services.get("etcd", {}).get("status") == "unhealthy")
