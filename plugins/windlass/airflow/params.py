"""The params that several DAGs share; each has the same name, meaning and form everywhere.

Airflow's trigger form takes a param for required unless its type names `null`, whatever its default is. So every param
but those that a run cannot do without has `null` among its types: from the form that is "empty", and it means the same
as "" or the param's absence does.

No help text has code in it: the form draws that over the lines beside it.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param

MORE = "More options"
"""The section of what few runs need; the form shows a section closed, but for the params that have none."""


def whole_value(text: str) -> str:
    r"""Return the pattern of a param whose whole value must have the form `text`.

    Airflow searches with Python's `re`, where `$` matches before a last line break too; the form's own reader of
    patterns is another, which does not know `\Z`.
    """
    return rf"^(?:{text})(?!\n)$"


_ENTRY = r"[ \t]+(?!from(?:Variable|Connection):|field:)[^\s:#{]+:[ \t]*[^\s{#|>]"
_BELOW = r"(?:\n{n}[ \t][^\n]*){{0,40}}?\n{n}"
PLAIN_SECRET = (
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY"
    rf"|\n([ \t]*)stringData:[ \t]*{_BELOW.format(n=chr(92) + '1')}{_ENTRY}"
    r"|\n([ \t]*)kind:[ \t]*Secret[ \t]*(?:\n\2(?!---)[^\n]*){0,40}?"
    rf"\n\2data:[ \t]*{_BELOW.format(n=chr(92) + '2')}{_ENTRY}"
)
"""What is plainly a secret in a spec: Airflow refuses such a run before it keeps anything of it.

All others the first task finds, with line and path (`windlass.domain.spec.plain_secrets`); then the run has been kept.
"""
_CLUSTER_PATTERN = whole_value("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def cluster_param() -> Param:
    """Return the name of the cluster that a run is about."""
    return Param(
        type="string",
        title="Cluster",
        pattern=_CLUSTER_PATTERN,
        maxLength=63,
        description_md="Name of the cluster, as in its spec under metadata.name.",
    )


def scheduled_cluster_param() -> Param:
    """Return the name of the cluster for a DAG that Windlass starts too: then the run's partition names it."""
    return Param(
        default=None,
        type=["null", "string"],
        title="Cluster",
        pattern=_CLUSTER_PATTERN,
        maxLength=63,
        description_md="Name of the cluster, as in its spec under metadata.name. Needed here: only a run that "
        "Windlass starts by itself knows it without.",
    )


def switch_param(title: str, description: str, *, default: bool = False, **form: Any) -> Param:
    """Return a param that is on or off; `form` may hold the `section` that it stands in."""
    return Param(default=default, type=["null", "boolean"], title=title, description_md=description, **form)


def bundle_param() -> Param:
    """Return the param that names the bundle of what is only tried or read, and not put in the cluster's place."""
    return Param(
        default="newest",
        type=["null", "string"],
        title="Bundle",
        description_md="Its id, such as 20261123T074500Z-r1042; a time, such as 2026-11-23T07:45 (the newest bundle "
        "taken by then is used); newest, which empty means too; or newest-proven.",
    )


def plan_only_param() -> Param:
    """Return the param that ends a run after its plan."""
    return switch_param("Plan only", "Show what would be done, host by host, and change nothing.")


def auto_approve_param() -> Param:
    """Return the param that answers approvals in advance; only a DAG that asks for one has it."""
    return switch_param("Approve in advance", "Do not wait for a person where the run would ask one.", section=MORE)


def plan_digest_param() -> Param:
    """Return the param that names the only plan that a run may do."""
    return Param(
        default=None,
        type=["null", "string"],
        pattern=whole_value("[0-9a-f]{64}"),
        title="Plan digest",
        description_md="Only go on if the plan is just this one: the digest that a run with “Plan only” has shown. "
        "Empty: any plan, as it is approved.",
        section=MORE,
    )


def spec_param(description: str, **form: Any) -> Param:
    """Return the param that holds a cluster spec; `description` says what it is for, and what counts without it."""
    about = f"{description} It refers to secrets, and holds none: a run keeps it for all who may see the run."
    schema: dict[str, Any] = {"not": {"type": "string", "pattern": PLAIN_SECRET}, "type": ["null", "string"], **form}
    return Param(default=None, format="multiline", title="Spec", description_md=about, **schema)


def stop_after_param(what: str) -> Param:
    """Return the param that pauses a rollout on its way; `what` is what goes on with it: `upgrade` or `apply`."""
    return Param(
        default=None,
        type=["null", "string"],
        title="Stop after",
        description_md="Pause after the last step on this host (or after a step of the plan, such as “etcd cp-2”). "
        f"The run then ends well and the lease is free; the same {what} again goes on.",
        section=MORE,
    )


def outside_window_param() -> Param:
    """Return the param that lets a rollout go while no maintenance window is open."""
    return switch_param(
        "Outside the window",
        "Go also while no maintenance window of the spec is open, where approval is automatic.",
        section=MORE,
    )


def allow_untested_param() -> Param:
    """Return the param that lets a rollout go to a release without a record of its tests."""
    return switch_param(
        "Allow untested", "Go also to a release that no record says has passed its tests.", section=MORE
    )


def gone_param(description: str) -> Param:
    """Return the param that names hosts that are gone for good; `description` says what is done about them."""
    return names_param("Gone hosts", description)


def names_param(title: str, description: str) -> Param:
    """Return a param that names hosts, which few runs need."""
    kind = ["null", "array"]
    items = {"type": "string"}
    return Param(default=None, type=kind, items=items, title=title, description_md=description, section=MORE)


def command_params() -> dict[str, Param]:
    """Return the params of a command that the plugin's API hands on: its cluster, arguments, and the answer's key."""
    return {
        "cluster": Param(
            default=None,
            type=["null", "string"],
            title="Cluster",
            pattern=_CLUSTER_PATTERN,
            maxLength=63,
            description_md="Which cluster it is about; empty for the whole installation.",
        ),
        "arguments": Param(
            default=None, type=["null", "object"], title="Arguments", description_md="What the command is told."
        ),
        "key": Param(
            default=None,
            type=["null", "string"],
            title="Key",
            maxLength=64,
            description_md="The public key for which the answer is sealed; it was made for this one command.",
        ),
    }


def reason_param() -> Param:
    """Return the words that the cluster's service log shows for a run."""
    return Param(
        default=None,
        type=["null", "string"],
        title="Reason",
        maxLength=500,
        description_md="Why this is done; shown in the cluster's service log.",
    )


def common_params(**own: Param) -> dict[str, Param]:
    """Return `cluster`, the DAG's own params, `plan_only` and `reason`, new for each DAG and in the form's order."""
    return {"cluster": cluster_param(), **own, "plan_only": plan_only_param(), "reason": reason_param()}
