"""Every kind of object that the store holds: what proves one, and by what an older one, or none, is noticed.

A kind that is not here is signed all the same, in the format 1. docs/store.md has the same table, and a test compares
them, and all keys of the store with this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Proof(Enum):
    """What proves that Windlass wrote an object, at this place."""

    SIGNED = "signed"
    """An envelope (`windlass.domain.authenticity.envelope`)."""
    SIGNED_AND_SEALED = "signed and sealed"
    """An envelope whose content is encrypted besides."""
    ITS_OWN = "its own seal or signature"
    """Of the master key, without an envelope."""
    NONE = "nothing"
    """Anybody with the bucket may have written it."""


class Newest(Enum):
    """By what it is noticed that an older object was put back, or that one is gone."""

    LEDGER_AND_HOSTS = "ledger, hosts"
    """By the ledger; and where that was put back too, by what control-plane hosts remember."""
    LEDGER = "ledger"
    """By the ledger alone, whose own generation is known to processes that have read it."""
    HOSTS = "hosts"
    """By what control-plane hosts remember, and by processes that have read it."""
    ITS_TIME = "its time"
    """By a process that read one more than five minutes younger. That it is gone is not noticed."""
    NOTHING = "nothing"


@dataclass(frozen=True)
class ObjectKind:
    """One kind of object."""

    what: str
    proof: Proof
    newest: Newest
    format: int = 1
    """The format that is written, and the newest that is read. It goes up with every change of what is written: a
    Windlass of before then refuses the object, in words, where it would misread it. Samples of each format lie in
    tests/unit/store/formats."""
    oldest: int = 1
    """The oldest format that is read."""

    @property
    def has_envelope(self) -> bool:
        """Tell whether it is written and read as an envelope."""
        return self.proof in {Proof.SIGNED, Proof.SIGNED_AND_SEALED}


def _signed(what: str, newest: Newest = Newest.ITS_TIME) -> ObjectKind:
    return ObjectKind(what, Proof.SIGNED, newest)


KINDS = {
    "installation": _signed("which store it is", Newest.HOSTS),
    "spec": ObjectKind("the cluster as it should be", Proof.SIGNED_AND_SEALED, Newest.LEDGER_AND_HOSTS),
    "pki": _signed("authorities and keys, sealed by the master key besides", Newest.LEDGER_AND_HOSTS),
    "people": _signed("what lets people in, sealed by the key of people besides", Newest.LEDGER),
    "created": _signed("that the cluster came up once", Newest.LEDGER),
    "roll": _signed("the rollout that is under way", Newest.LEDGER),
    "left_hosts": _signed("hosts that left the spec", Newest.LEDGER),
    "known_hosts": _signed("host keys of SSH that were trusted first", Newest.LEDGER),
    "accepted_host_keys": _signed("host keys of SSH that somebody accepted", Newest.LEDGER),
    "recoveries": _signed("recoveries that changed something", Newest.LEDGER),
    "accepted": _signed("the lock of a mirror, or of publishers, that holds", Newest.LEDGER_AND_HOSTS),
    "ledger": _signed("the generations of a cluster's objects, or the catalog's", Newest.HOSTS),
    "published": _signed("digests of publishers as an early release kept them; compared once"),
    "locks": ObjectKind("accepted locks of an earlier release, taken over once", Proof.ITS_OWN, Newest.NOTHING),
    "lease": _signed("which run may change the cluster; hosts keep its counter"),
    "backup-lease": _signed("which run takes a backup"),
    "drill-lease": _signed("which run does a drill"),
    "delete": _signed("which run deletes the cluster"),
    "remediation-waits": _signed("which remediation waits for the lease"),
    "pause": _signed("which run of a rollout is to pause"),
    "status": _signed("the last observation"),
    "repairs": _signed("how often what was repaired lately"),
    "durations": _signed("how long steps took"),
    "offers": _signed("which newer versions people were told of"),
    "backup-alert": _signed("what people were last told about missing backups"),
    "followed": _signed("which text of which file the cluster was brought to last; it outlives the cluster"),
    "told-failures": _signed("what people were last told about failing runs"),
    "told-kubernetes": _signed("how far Kubernetes was told of the service log"),
    "summaries": ObjectKind(
        "what lists and metrics show of all clusters; nothing is decided by it",
        Proof.SIGNED_AND_SEALED,
        Newest.ITS_TIME,
    ),
    "drills": _signed("what a drill found, with the proof of its bundle besides"),
    "rehearsals": _signed("what the last rehearsal of an upgrade to a release found"),
    "bundles": ObjectKind("backups: sealed parts, a signed manifest", Proof.ITS_OWN, Newest.NOTHING),
    "log": ObjectKind("the service log; nothing is decided by it", Proof.NONE, Newest.NOTHING),
    "credentials": ObjectKind("how often a person was let in lately", Proof.NONE, Newest.NOTHING),
    "spec-marks": ObjectKind("that the watch should read a spec again", Proof.NONE, Newest.NOTHING),
}
"""By the first part of its key below its cluster's folder, or the catalog's, without what is behind a dot.

A ledger keeps up only with what changes seldom. Leases and observations change all the time.
"""
