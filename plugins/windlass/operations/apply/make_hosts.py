"""Have the provider make the hosts of a cluster that is to be created; what it makes, the store knows before."""

from __future__ import annotations

from windlass.domain.spec import Cluster, dump_cluster
from windlass.domain.spec.diff import dropped_hosts
from windlass.operations.run import ClusterRun, Tell
from windlass.operations.two_people import refuse_without_approval


def make_hosts(run: ClusterRun, spec: str | None, tell: Tell) -> tuple[str, ...]:
    """Return the names of the hosts that were made; none where they are machines of the user's.

    The spec is stored first, so that `delete_cluster` destroys what was made, whatever becomes of this run. Machines
    that an earlier try made and that the spec does not name any more are destroyed.
    """
    cluster, stored = run.desired(spec), run.stored()
    if not any(run.provision(one).makes_hosts for one in (cluster, stored) if one is not None):
        return ()
    run.lease().acquire()
    try:
        refuse_without_approval(stored, cluster)
        with run.working() as at_work:
            if stored is not None and run.records.created() is None:
                _destroy_dropped(at_work, stored, cluster)
            if at_work.records.save_spec(dump_cluster(cluster)):
                tell("the spec is stored")
            return at_work.make_hosts(cluster)
    finally:
        run.lease().release()


def _destroy_dropped(run: ClusterRun, stored: Cluster, cluster: Cluster) -> None:
    old = run.provision(stored)
    if not old.makes_hosts:
        return
    if stored.spec.hosts.provider != cluster.spec.hosts.provider:
        old.destroy_all()
    elif names := [host.name for host in dropped_hosts(stored, cluster)]:
        old.destroy(names)
