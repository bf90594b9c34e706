"""The cluster's PKI as it should be: what is missing is issued, what is old renewed, and all of it stored."""

from __future__ import annotations

from datetime import UTC, datetime

from windlass.domain.pki import Pki, issue_pki
from windlass.domain.pki.user_ca import refuse_other_authorities
from windlass.domain.spec import Cluster
from windlass.effects.ssh.connection import RemoteFile
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
    """Return the stored PKI, with what it lacks issued and what is old renewed, and its sealed copy for hosts."""
    existing, given = run.records.pki(run.keys), run.authorities(cluster)
    refuse_other_authorities(given, existing)
    if existing is None:
        refuse_shared_authorities(run, cluster, given)
    pki = issue_pki(cluster, datetime.now(UTC), existing, given)
    run.records.save_pki(pki, run.keys)
    return pki, RemoteFile(run.records.sealed_pki() or b"", mode=0o600)
