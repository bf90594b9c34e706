"""Whether an apply can bring a spec about: checked against itself, the catalog, the other clusters and what runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from windlass.domain.pki import check_authorities
from windlass.domain.pki.user_ca import refuse_other_authorities
from windlass.domain.rollout.immutable import refuse_what_no_rollout_changes
from windlass.domain.spec import Cluster, diff_clusters, dump_cluster
from windlass.domain.spec.diff import Change, dropped_hosts
from windlass.domain.spec.private import FINGERPRINT_DIGITS
from windlass.errors import RefusedError
from windlass.operation_names import Operation
from windlass.operations.apply.leaving_hosts import refuse_hosts_that_are_in_use
from windlass.operations.apply.plan import check_version, refuse_during_rollout
from windlass.operations.apply.shared_authorities import refuse_shared_authorities
from windlass.operations.run import ClusterRun, Tell
from windlass.operations.two_people import refuse_without_approval


@dataclass(frozen=True)
class ValidSpec:
    """A spec that can be applied, and what it changes."""

    cluster: Cluster
    is_new: bool
    changes: tuple[str, ...]

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the hosts with their roles."""
        return tuple(f"{host.name} ({', '.join(host.roles)})" for host in self.cluster.spec.hosts.members)

    @property
    def text(self) -> str:
        """Say what it is, in one line."""
        version = self.cluster.spec.kubernetes.version
        return f"cluster {self.cluster.name}, Kubernetes {version}: {'; '.join(self.hosts)}"


def take_over_cluster(run: ClusterRun, spec: str | None, tell: Tell) -> None:
    """Take the cluster's lease and store the spec; RefusedError names the run that holds the lease instead."""
    cluster = run.desired(spec)
    run.lease().acquire()
    refuse_without_approval(run.stored(), cluster)
    with run.working() as at_work:
        if at_work.records.save_spec(dump_cluster(cluster)):
            tell("the spec is stored")


def validate_spec(run: ClusterRun, spec: str | None) -> ValidSpec:
    """Return the given spec, or the stored one; SpecError or RefusedError if an apply cannot bring it about."""
    run.keys  # noqa: B018 (a missing or wrong key is told before anything starts)
    stored, cluster = run.stored(), run.desired(spec)
    check_version(stored, cluster)
    if rollout := run.records.rollout():
        refuse_during_rollout(run.name, rollout.before, rollout.after)
    _check_authorities(run, cluster)
    run.require_secrets(cluster)
    changes = () if stored is None else tuple(_told(run, change) for change in diff_clusters(stored, cluster))
    refuse_without_approval(stored, cluster)
    if stored is not None:
        _check_change(run, stored, cluster, changes)
    return ValidSpec(cluster, stored is None, changes)


def _told(run: ClusterRun, change: Change) -> str:
    """Return a change of the spec in words, with fingerprints for texts that are not shown."""
    return change.told(lambda text: run.keys.fingerprint(run.name, text)[:FINGERPRINT_DIGITS])


def refuse_change_of_running(run: ClusterRun, changes: Sequence[str]) -> None:
    """RefusedError if a cluster that was verified once is to be changed: that takes guards which no creation has."""
    if changes and run.records.created() is not None:
        raise RefusedError(
            f"cluster `{run.name}` runs, and a creation never changes what runs; nothing was changed: trigger "
            f"`{Operation.APPLY}` with this spec, which does it step by step: {'; '.join(changes)}"
        )


def _check_authorities(run: ClusterRun, cluster: Cluster) -> None:
    """Tell of an authority of the user's that cannot be used before anything starts."""
    if given := run.authorities(cluster):
        check_authorities(given, datetime.now(UTC))
        existing = run.records.pki(run.keys)
        refuse_other_authorities(given, existing)
        if existing is None:
            refuse_shared_authorities(run, cluster, given)


def _check_change(run: ClusterRun, stored: Cluster, desired: Cluster, changes: Sequence[str]) -> None:
    """Refuse what a creation would leave half done. Before there are keys nothing runs, and anything may change."""
    pki = run.records.pki(run.keys)
    if pki is None:
        return
    refuse_what_no_rollout_changes(stored, desired, run.catalog.drivers)
    refuse_change_of_running(run, changes)
    if leaving := dropped_hosts(stored, desired):
        with run.session(stored) as session:
            refuse_hosts_that_are_in_use(session, pki, leaving)
