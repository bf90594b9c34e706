"""Where what is in the store; all keys are below the store's prefix."""

from __future__ import annotations

import hashlib

from windlass.domain.authenticity.place import ACCEPTED, CATALOG, PUBLISHED, SUMMARIES

CLUSTERS = "clusters/"


def cluster_prefix(cluster: str) -> str:
    """Return the folder of everything about `cluster`."""
    return f"{CLUSTERS}{cluster}/"


def spec_key(cluster: str) -> str:
    """Return the key of the cluster spec."""
    return f"{cluster_prefix(cluster)}spec.yaml"


SPEC_MARKS = "spec-marks/"
"""The folder of a mark for each cluster, which changes with its spec: one listing tells which specs are others."""


def spec_mark_key(cluster: str) -> str:
    """Return the key of the mark of a cluster's spec."""
    return f"{SPEC_MARKS}{cluster}"


def summaries_key(number: int) -> str:
    """Return the key of one of the objects that the summaries of all clusters are spread over."""
    return f"{SUMMARIES}{number}"


def created_key(cluster: str) -> str:
    """Return the key of the record that the cluster was verified once; without it the cluster is being created."""
    return f"{cluster_prefix(cluster)}created.json"


def lease_key(cluster: str) -> str:
    """Return the key of the lease."""
    return f"{cluster_prefix(cluster)}lease.json"


def backup_lease_key(cluster: str) -> str:
    """Return the key of the lease that the one backup of a cluster holds while it is taken."""
    return f"{cluster_prefix(cluster)}backup-lease.json"


def drill_lease_key(cluster: str) -> str:
    """Return the key of the lease that the one drill of a cluster holds while it runs."""
    return f"{cluster_prefix(cluster)}drill-lease.json"


def delete_lease_key(cluster: str) -> str:
    """Return the key of the lease by which a run says that it deletes the cluster, before it may change anything."""
    return f"{cluster_prefix(cluster)}delete.json"


def waiting_key(cluster: str) -> str:
    """Return the key of the record of which remediation run waits for the cluster's lease."""
    return f"{cluster_prefix(cluster)}remediation-waits.json"


def backup_alert_key(cluster: str) -> str:
    """Return the key of what was last told about missing backups."""
    return f"{cluster_prefix(cluster)}backup-alert.json"


def told_failures_key(cluster: str) -> str:
    """Return the key of what people were last told about failing runs that start by themselves."""
    return f"{cluster_prefix(cluster)}told-failures.json"


def followed_key(cluster: str) -> str:
    """Return the key of which text of which file the cluster was brought to last; it outlives the cluster."""
    return f"{cluster_prefix(cluster)}followed.json"


def pki_key(cluster: str) -> str:
    """Return the key of the sealed PKI; also the context that it is sealed for, on hosts too."""
    return f"{cluster_prefix(cluster)}pki/pki.sealed"


def people_key(cluster: str) -> str:
    """Return the key of what lets people in, sealed under the key of people; also the context that it is sealed for."""
    return f"{cluster_prefix(cluster)}people.sealed"


def credentials_prefix(cluster: str) -> str:
    """Return the folder of when each person was given certificates lately, named by a digest of the person's name."""
    return f"{cluster_prefix(cluster)}credentials/"


def host_keys_prefix(cluster: str) -> str:
    """Return the folder of the host keys that were trusted on first use, named as their hosts."""
    return f"{cluster_prefix(cluster)}known_hosts/"


def accepted_host_keys_prefix(cluster: str) -> str:
    """Return the folder of the host keys that somebody accepted in place of others, named as their hosts."""
    return f"{cluster_prefix(cluster)}accepted_host_keys/"


def rollout_key(cluster: str) -> str:
    """Return the key of the record of a rollout that is under way, or paused."""
    return f"{cluster_prefix(cluster)}roll.json"


def left_hosts_key(cluster: str) -> str:
    """Return the key of the hosts that left the spec and of which something may be left."""
    return f"{cluster_prefix(cluster)}left_hosts.json"


def durations_key(cluster: str) -> str:
    """Return the key of the record of how long each kind of step of a rollout took last."""
    return f"{cluster_prefix(cluster)}durations.json"


def pause_key(cluster: str) -> str:
    """Return the key of the request that the rollout that is under way pauses."""
    return f"{cluster_prefix(cluster)}pause.json"


def offer_key(cluster: str, version: str) -> str:
    """Return the key of the record that the cluster was told of a newer version."""
    return f"{cluster_prefix(cluster)}offers/{version}.json"


def status_key(cluster: str) -> str:
    """Return the key of the last observation."""
    return f"{cluster_prefix(cluster)}status.json"


def remediation_key(cluster: str) -> str:
    """Return the key of the record of actions: how often each component was acted on, and the alerts that stand."""
    return f"{cluster_prefix(cluster)}repairs.json"


def echo_key(cluster: str) -> str:
    """Return the key of the record of how far Kubernetes was told of the service log."""
    return f"{cluster_prefix(cluster)}told-kubernetes.json"


def bundles_prefix(cluster: str) -> str:
    """Return the folder of all recovery bundles."""
    return f"{cluster_prefix(cluster)}bundles/"


def bundle_key(cluster: str, bundle: str, part: str) -> str:
    """Return the key of one part of a recovery bundle: manifest.json, snapshot.sealed or state.sealed."""
    return f"{bundles_prefix(cluster)}{bundle}/{part}"


def drills_prefix(cluster: str) -> str:
    """Return the folder of the records of all restore drills."""
    return f"{cluster_prefix(cluster)}drills/"


def drill_key(cluster: str, drill: str) -> str:
    """Return the key of the record of one restore drill."""
    return f"{drills_prefix(cluster)}{drill}.json"


def rehearsal_key(cluster: str, version: str) -> str:
    """Return the key of the record of the last rehearsal of an upgrade to a Kubernetes release."""
    return f"{cluster_prefix(cluster)}rehearsals/{version}.json"


def recoveries_prefix(cluster: str) -> str:
    """Return the folder of the records of recoveries."""
    return f"{cluster_prefix(cluster)}recoveries/"


def log_prefix(cluster: str) -> str:
    """Return the folder of the service log."""
    return f"{cluster_prefix(cluster)}log/"


def published_lock_key(version: str) -> str:
    """Return the key of the digests that the publishers gave for a Kubernetes release."""
    return f"{PUBLISHED}{version}.json"


ACCEPTED_LOCKS = ACCEPTED
"""The folder of the locks that somebody accepted."""
LOCKS_OF_BEFORE = f"{CATALOG}locks/"
"""The same of earlier releases, which kept no generation of them."""


def accepted_lock_key(mirror: str) -> str:
    """Return the key of the lock that was accepted for a mirror, by the base URL of its files."""
    return f"{ACCEPTED_LOCKS}{_name_of(mirror)}"


def lock_key_of_before(mirror: str) -> str:
    """Return the key of the same as earlier releases kept it."""
    return f"{LOCKS_OF_BEFORE}{_name_of(mirror)}"


def _name_of(mirror: str) -> str:
    return f"{hashlib.sha256(mirror.encode()).hexdigest()[:32]}.json"
