"""The cluster's PKI as it should be: what is missing is issued, what is old renewed, and all of it stored."""

from __future__ import annotations

from datetime import UTC, datetime

from windlass.domain.host.layout import SEALED_PKI
from windlass.domain.people import people_access
from windlass.domain.pki import Pki, issue_pki
from windlass.domain.pki.user_ca import refuse_other_authorities
from windlass.domain.spec import Cluster
from windlass.effects.ssh.connection import RemoteFile
from windlass.effects.store.people import PeopleRecords
from windlass.errors import LostObjectError
from windlass.operation_names import Operation
from windlass.operations.apply.shared_authorities import refuse_shared_authorities
from windlass.operations.apply.start import install_certificates
from windlass.operations.cluster import Changes
from windlass.operations.run import ClusterRun


def issue_and_install(run: ClusterRun) -> dict[str, Changes]:
    """Make the PKI as it should be, bring it to the hosts, and return what was changed by host."""
    cluster = run.cluster()
    pki, sealed = ensure_pki(run, cluster)
    with run.session(cluster) as session:
        return install_certificates(session, pki, sealed)


def ensure_pki(run: ClusterRun, cluster: Cluster) -> tuple[Pki, RemoteFile]:
    """Return the stored PKI, with what it lacks issued and what is old renewed, and its sealed copy for hosts.

    What lets people in is stored with it, or goes from the store where the spec lets nobody in.
    LostObjectError as `renewed_pki` raises it.
    """
    return keep_pki(run, cluster, renewed_pki(run, cluster))


def renewed_pki(run: ClusterRun, cluster: Cluster) -> Pki:
    """Return the stored PKI, with what it lacks issued and what is old renewed, of which nothing is stored yet.

    LostObjectError if a cluster that came up once has none: then it is no creation, and nothing new is made.
    """
    existing, given = run.records.pki(run.keys), run.authorities(cluster)
    if existing is None and run.records.created() is not None:
        raise LostObjectError(
            f"cluster `{run.name}` was verified, and the store has no PKI of it: new authorities would lock out all "
            f"that runs; bring it back with `windlass store restore-pki {run.name} FILE` from {SEALED_PKI} of a "
            f"control-plane host, or from a bundle with `{Operation.RECOVER}`"
        )
    refuse_other_authorities(given, existing)
    if existing is None:
        refuse_shared_authorities(run, cluster, given)
    return issue_pki(cluster, datetime.now(UTC), existing, given)


def keep_pki(run: ClusterRun, cluster: Cluster, pki: Pki) -> tuple[Pki, RemoteFile]:
    """Store a PKI and what lets people in, and return it with its sealed copy for hosts."""
    run.records.save_pki(pki, run.keys)
    # After the PKI: what it says is signed with is then known to every host that is brought to its desired state.
    PeopleRecords(run.store, run.name).publish(people_access(cluster, pki), run.keys.for_people())
    return pki, RemoteFile(run.records.sealed_pki() or b"", mode=0o600)
