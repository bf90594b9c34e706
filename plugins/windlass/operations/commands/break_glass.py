"""Access past Airflow: a cluster-admin's client certificate that soon expires, noted before anybody has it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from windlass.domain.pki import ADMINS_GROUP, Credential, Pki, short_lived_admin, user_kubeconfig
from windlass.domain.remote import BreakGlassArguments
from windlass.domain.sealing import MasterKeys
from windlass.domain.secret import Secret
from windlass.domain.servicelog import Event
from windlass.domain.spec import Cluster, load_cluster
from windlass.effects.store import ClusterRecords, ServiceLog, Store, list_clusters
from windlass.errors import RefusedError, SpecError
from windlass.operations.commands.command_context import CommandContext

NAME_PREFIX = "break-glass:"
"""What the name in such a certificate begins with, so that audit logs tell it from people who came in by Airflow."""
_OPERATION, _WRITER = "break-glass", "windlass"


@dataclass(frozen=True)
class AccessRequest:
    """Who wants to get into a cluster, for how long, and why."""

    cluster: str
    user: str
    life: timedelta
    reason: str


@dataclass(frozen=True)
class Access:
    """What a person needs to use a cluster: whom to trust, and who they are."""

    cluster: Cluster
    pki: Pki
    user: str
    credential: Credential

    @property
    def kubeconfig(self) -> Secret:
        """The kubeconfig, with everything in it."""
        return user_kubeconfig(self.cluster, self.pki, self.user, self.credential)


def break_glass(context: CommandContext, given: BreakGlassArguments) -> int:
    """Show a kubeconfig of a cluster-admin for whoever gave the command: it holds a key."""
    asked = AccessRequest(context.cluster, context.person, timedelta(hours=given.hours), given.reason)
    context.show(grant_access(context.services.store, context.services.keys, asked).kubeconfig.reveal())
    return 0


def grant_access(store: Store, keys: MasterKeys, asked: AccessRequest) -> Access:
    """Issue a cluster-admin's certificate, and write to the cluster's service log who has it and why.

    SpecError if the store knows no such cluster, RefusedError without a reason. What cannot be noted is not issued.
    """
    if not asked.reason.strip():
        raise RefusedError(
            "no cluster-admin's certificate without a reason; say by --reason why no login to Airflow will do"
        )
    records = ClusterRecords(store, asked.cluster)
    text, pki = records.spec(), records.pki(keys)
    if text is None or pki is None:
        known = ", ".join(list_clusters(store)) or "none"
        raise SpecError(f"the store has no cluster `{asked.cluster}` with certificates (clusters: {known})")
    cluster = load_cluster(text, f"stored spec of {asked.cluster}")
    user, now = f"{NAME_PREFIX}{asked.user}", datetime.now(UTC)
    credential = short_lived_admin(pki, user, now, asked.life)
    ServiceLog(store, asked.cluster).append(_event(user, credential, asked.reason, now), _WRITER)
    return Access(cluster, pki, user, credential)


def _event(user: str, credential: Credential, reason: str, now: datetime) -> Event:
    certificate = credential.parse()
    expires = certificate.not_valid_after_utc
    return Event(
        time=now,
        operation=_OPERATION,
        text=f"{user} has a cluster-admin's certificate until {expires:%Y-%m-%d %H:%M:%S}Z",
        level="warning",
        reason=reason,
        details={
            "user": user,
            "groups": [ADMINS_GROUP],
            "serial": f"{certificate.serial_number:x}",
            "expires": expires.isoformat(),
        },
    )
