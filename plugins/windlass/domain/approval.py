"""Approval by two people: who asked for a change and who approves it are two, and it is for one digest.

The stored spec says where that is wanted, never the spec that a run brings along: else whoever asks could turn it off.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any

from windlass.domain.sealing import MasterKeys, check_signature, sign
from windlass.domain.spec.care import TWO_PEOPLE
from windlass.domain.spec.diff import diff_clusters
from windlass.domain.spec.models import Cluster
from windlass.errors import MALFORMED, IntegrityError, RefusedError

_GUARDED = (("spec", "access"), ("spec", "upgrade", "approval"), ("spec", "recovery"), ("spec", "backup"))
"""What of a spec says who decides, and which bundles are kept: changed by two people where either has to approve."""
SECOND = "second"
"""The key of an approval's result by which the second person's approval is handed on."""


class Matter(Enum):
    """What is asked about, and the setting that says whether two people must be behind it."""

    ROLLOUT = "spec.upgrade.approval"
    LOSS = "spec.recovery.approval"
    """A recovery or a deletion: either throws away what the cluster has."""

    def setting(self, cluster: Cluster) -> str:
        """Return what the spec says of it."""
        spec = cluster.spec
        return spec.upgrade.approval if self is Matter.ROLLOUT else spec.recovery.approval


def why_two_people(matter: Matter, stored: Cluster | None, desired: Cluster | None = None) -> str:
    """Return why two people must be behind a change; empty if one will do. `desired` is the spec that it brings."""
    if stored is None:
        return ""
    if matter.setting(stored) == TWO_PEOPLE:
        return f"{matter.value} is {TWO_PEOPLE}"
    if desired is None or TWO_PEOPLE not in {one.setting(stored) for one in Matter}:
        return ""
    guarded = [one for one in diff_clusters(stored, desired) if any(one.is_within(*path) for path in _GUARDED)]
    return f"it changes what two people decide on: {guarded[0]}" if guarded else ""


def digest_of(value: Any) -> str:
    """Return the digest of plain values that somebody is asked about."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class SecondApproval:
    """That somebody else than the requester of a run approved what has this digest."""

    cluster: str
    run: str
    digest: str
    requester: str
    approver: str

    @property
    def text(self) -> str:
        """Say it in one line."""
        return f"asked for by {self.requester}, approved by {self.approver}: {self.digest}"

    def value(self, keys: MasterKeys) -> dict[str, str]:
        """Return it as plain values, signed, so that no result of a task that somebody edits counts for one."""
        return {**asdict(self), "signature": sign(self.signed, keys)}

    @property
    def signed(self) -> bytes:
        """Return what the signature is of."""
        return json.dumps(["approval", asdict(self)], sort_keys=True).encode()


def second_approval(asked: SecondApproval) -> SecondApproval:
    """Return it; RefusedError if both are one person, or either is unknown. Airflow's names of users are unique."""
    if not asked.requester or not asked.approver:
        unknown = "approved this" if asked.requester else "started the run"
        raise RefusedError(
            f"{asked.cluster}: two people must be behind this, and it is not known who {unknown}; start the run as a "
            "user of Airflow, and have another approve it in its page or API"
        )
    if asked.requester.casefold() == asked.approver.casefold():
        raise RefusedError(
            f"{asked.cluster}: {asked.requester} asked for this and cannot approve it; start it again, and have "
            "somebody else approve it"
        )
    return asked


def check_second_approval(value: object, expected: SecondApproval, keys: MasterKeys) -> SecondApproval:
    """Return the approval in `value`; RefusedError unless it is just the one `expected`, whoever approved it."""
    try:
        if not isinstance(value, Mapping):
            raise TypeError("no approval was handed on")
        fields = {name: str(value[name]) for name in asdict(expected)}
        found = SecondApproval(**fields)
        check_signature(found.signed, str(value["signature"]), keys, "the approval")
    except (*MALFORMED, IntegrityError) as error:
        raise RefusedError(
            f"{expected.cluster}: two people must be behind this, and nobody else's approval of it is there ({error}); "
            "start the run again, and have somebody else approve it"
        ) from error
    if replace(found, approver="") != expected:
        raise RefusedError(
            f"{expected.cluster}: what {found.approver} approved is not what would be done now ({found.digest} in "
            f"{found.run} was approved, {expected.digest} in {expected.run} is planned); start the run again"
        )
    return second_approval(found)
