"""A run that replaces a member of etcd: what it would do to quorum, and the replacement."""

from __future__ import annotations

from windlass.effects.ssh.connection import RemoteFile
from windlass.operations.apply.certificates import ensure_pki
from windlass.operations.etcd import ReplacementContext, plan_member, replace_member
from windlass.operations.run import ClusterRun, Tell


def plan_replacement_run(run: ClusterRun, host: str) -> list[str]:
    """Return the steps; RefusedError with the reason where one of them is not allowed.

    No certificate is issued for it, since nothing may be stored without the lease.
    """
    with run.session(run.cluster()) as session:
        return [str(step) for step in plan_member(ReplacementContext(session, run.pki(), RemoteFile(b"")), host)]


def replace_on(run: ClusterRun, host: str, tell: Tell) -> list[str]:
    """Replace the member if starting it is not enough, and return what was done; the service log says so too.

    A host that is new to the PKI gets its certificates. RefusedError with the reason where quorum would not hold.
    """
    with run.session(run.cluster()) as session:
        pki, sealed = ensure_pki(run, session.cluster)
        done = list(replace_member(ReplacementContext(session, pki, sealed, tell), host))
    text = f"etcd on {host}: {'; '.join(done)}" if done else f"etcd on {host} is healthy: nothing was done"
    run.log(text)
    tell(text)
    return done
