"""The sections of a cluster's later life: security, backup, recovery, repair, upgrade."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema, model_validator

from windlass.domain.host.layout import AUDIT_LOGS
from windlass.domain.spec.base import Many, Section, Share, section, setting

SURGE = "maxSurge"
TWO_PEOPLE = "two-people"
Approval = Literal["required", "automatic", "two-people"]


class Security(Section):
    """What is enforced from the first minute on."""

    audit_log: bool = setting(default=True, text=f"Whether API servers write an audit log to {AUDIT_LOGS}.")
    encrypt_secrets: bool = setting(default=True, text="Whether Secrets are encrypted in etcd.")
    pod_security: Literal["privileged", "baseline", "restricted"] = setting(
        "baseline", "Pod Security level enforced in namespaces that set none."
    )
    always_pull_images: bool = setting(
        default=False,
        text="Whether every start of a container asks the registry, so that no pod runs a private image just because "
        "its node has it; then nothing starts while the registry is away.",
    )
    sign_requests: bool = setting(
        default=False,
        text="Whether the controller manager signs approved certificate requests of the signer "
        "`kubernetes.io/kube-apiserver-client`, by an authority of their own whose key is on control-plane hosts. "
        "false: such requests can be made and approved, and nobody signs them.",
    )
    certificate_days: int = setting(
        90, "Days that certificates are valid; they are renewed when a third of that is left.", ge=1, le=365
    )


class ObjectLock(Section):
    """S3 Object Lock, by which the bucket itself keeps each bundle; the bucket must have been made with it."""

    mode: Literal["governance", "compliance"] = Field(
        description="governance: who has a right of its own may end it; compliance: nobody may."
    )
    days: int = Field(description="Days that each bundle is locked from its writing on.", ge=1, le=3650)


class Retention(Section):
    """How many bundles are kept after the first hour, in which all are."""

    hourly: int = setting(24, "Hours of which the newest bundle is kept.", ge=0, le=8760)
    daily: int = setting(7, "Days of which the newest bundle is kept.", ge=0, le=3660)
    weekly: int = setting(4, "Weeks of which the newest bundle is kept.", ge=0, le=520)
    lock: ObjectLock | None = setting(
        None, "Lock of the bucket on each bundle, which expires only after it; null: none."
    )


class BackupTarget(Section):
    """A bucket for bundles that is not the store."""

    connection: str = Field(description="Airflow connection of type aws.", min_length=1)
    bucket: str = Field(description="Name of the bucket.", min_length=3, max_length=63)
    prefix: str = setting("", "What every key starts with.")


class Drill(Section):
    """The regular proof that bundles restore."""

    schedule: str | None = setting(
        "30 3 * * *", "When to restore the newest bundle, as cron in UTC; null: only by hand."
    )
    host: str | None = setting(None, "Name of the host to restore on; null: Windlass picks one that has room.")


class Backup(Section):
    """When bundles are taken, where to, and for how long they are kept."""

    schedule: str | None = setting("*/5 * * * *", "When to take a bundle, as cron in UTC; null: only by hand.")
    retention: Retention = section(Retention, "How long bundles are kept.")
    target: BackupTarget | None = setting(None, "Bucket for the bundles; null: the store.")
    drill: Drill = section(Drill, "The regular proof that bundles restore.")
    pin: Many[str] = setting([], "Ids of bundles that are never deleted.")


class Recovery(Section):
    """Who may start a disaster recovery."""

    approval: Approval = setting(
        "required",
        "required: a person approves each recovery; automatic: none is asked; two-people: somebody else than who asked "
        "for it approves each recovery, and each deletion of the cluster.",
    )


class Repair(Section):
    """What Windlass may repair by itself."""

    enabled: bool = setting(default=True, text="Whether anything is repaired without being asked for.")
    max_unhealthy_workers: Share = setting(
        "20%", "Unhealthy workers, as number or percentage, above which repair stops and alerts."
    )
    tries: int = setting(5, "How often one thing is repaired before remediation stops and alerts.", ge=1, le=100)
    drift: Literal["repair", "report"] = setting(
        "repair", "What happens to a host that differs from what was rendered: put right, or shown as a plan."
    )


_REFERENCE: Mapping[str, Any] = {
    "type": "object",
    "description": "A secret that Airflow keeps: a Variable, or a field of a connection.",
    "properties": {
        "fromVariable": {"type": "string", "description": "Airflow Variable whose text is the value."},
        "fromConnection": {"type": "string", "description": "Airflow connection of which a field is the value."},
        "field": {
            "type": "string",
            "description": "Field of the connection: password, login, host, schema or extra.KEY. Default: password.",
        },
    },
    "additionalProperties": False,
    "oneOf": [{"required": ["fromVariable"]}, {"required": ["fromConnection"]}],
}
SecretText = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "string"}, dict(_REFERENCE)]})]
"""A text, or a reference to one, see `windlass.domain.spec.references`, which checks it."""


class Hooks(Section):
    """Shell commands run with sudo on each host around its upgrade."""

    before: Many[str] = setting([], "Commands before the host is changed; one that fails stops the rollout.")
    after: Many[str] = setting([], "Commands after the host is changed; one that fails stops the rollout.")
    environment: dict[str, SecretText] = setting(
        {},
        "Environment variables of all these commands: texts, or references to secrets, as "
        "{fromVariable: windlass_secret_NAME} or {fromConnection: ID, field: password}; see docs/secrets.md.",
    )


class Drain(Section):
    """What a drain may do to pods."""

    force: bool = setting(
        default=False,
        text="Whether pods without a controller, which nobody recreates, are evicted too; else they hold a rollout up.",
    )


class Upgrade(Section):
    """How changes roll over the hosts."""

    approval: Approval = setting(
        "required",
        "required: a person approves each rollout; automatic: none is asked; two-people: somebody else than who asked "
        "for it approves each rollout, whatever window is open.",
    )
    max_unavailable: Share = setting(1, "Workers that may be out of service at once, as number or percentage.")
    rehearsal: Literal["optional", "required"] = setting(
        "optional",
        "required: the gate lets no upgrade to another release go that was not rehearsed within a day, without a "
        "defect; optional: it shows what the last rehearsal found.",
    )
    drain_seconds: int = setting(
        300, "Seconds within which the pods must leave a node; else the rollout stops and names them.", ge=1, le=86400
    )
    drain: Drain = section(Drain, "What a drain may do to pods.")
    windows: Many[str] = setting(
        [],
        "When a rollout may go without approval, each as `DAYS HH:MM-HH:MM [ZONE]`, such as `sat,sun 22:00-04:00 "
        "Europe/Amsterdam` or `daily 01:00-05:00`; the zone is UTC if none is given.",
    )
    hooks: Hooks = section(Hooks, "Commands on each host before and after its upgrade.")

    @model_validator(mode="before")
    @classmethod
    def _without_surge(cls, value: Any) -> Any:
        """Drop `maxSurge`, which had no effect and has left the spec: stored specs, and older files, have it still."""
        if isinstance(value, Mapping):
            return {key: one for key, one in value.items() if key != SURGE}
        return value
