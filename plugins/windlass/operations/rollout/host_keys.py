"""New host keys of hosts that were reinstalled: accepted of those that the run names, and of no others."""

from __future__ import annotations

from collections.abc import Iterator

from windlass.domain.rollout.gate import GateFinding, warning
from windlass.domain.rollout.upgrade_path import UpgradeRequest
from windlass.effects.ssh.host_keys import HostKey, keys_of, refuse_revoked
from windlass.effects.store import AcceptedHostKey, HostKeys
from windlass.errors import IntegrityError, UnreachableError
from windlass.operations.cluster import ClusterSession
from windlass.operations.run import ClusterRun, Tell


def accept_host_keys(
    run: ClusterRun, session: ClusterSession, request: UpgradeRequest, tell: Tell
) -> tuple[GateFinding, ...]:
    """Trust the keys that the named hosts show now, on the session's connections, and tell what was found.

    What is new is recorded, and written to the service log; a run that only plans records nothing. IntegrityError if a
    host shows another key than the one that this run has accepted before, or one that is revoked.
    """
    told = [line for name in request.accept_new_host_key for line in _accept(run, session, name, request, tell)]
    if not told:
        return ()
    remedy = "put the new line under knownHosts in the spec" if _has_lines(session) else "compare it on its console"
    return (warning("host keys", told, remedy, ""),)


def _has_lines(session: ClusterSession) -> bool:
    hosts = session.cluster.spec.hosts
    return bool(hosts.ssh.known_hosts) or any(host.ssh.known_hosts for host in hosts.members)


def _accept(run: ClusterRun, session: ClusterSession, name: str, request: UpgradeRequest, tell: Tell) -> Iterator[str]:
    try:
        shown = session.connections.host_key(name)
    except UnreachableError as error:
        tell(f"{name}: its host key could not be asked for: {error}")
        return
    target, keys = session.connections.target(name), HostKeys(run.store, run.name)
    refuse_revoked(target, shown)
    known = keys_of(target)
    if shown in known:
        tell(f"{name}: it shows the host key that is known of it, {_named(shown)}")
        return
    _refuse_a_second_one(run, keys.accepted().get(name), name, shown)
    at, owner = run.clock.now(), run.owner.run_id
    accepted = keys.accepted_of(target, shown, owner, at)
    text = f"{name} shows a new host key, {_named(shown)}, in place of {', '.join(map(_named, known)) or 'none'}"
    if request.plan_only:
        yield f"{text}; it would be recorded: {accepted.line}"
    else:
        keys.accept(name, accepted)
        run.log(
            f"{run.owner.dag_id}: {text}; it was accepted as the run's param says, and is trusted from now on",
            level="warning",
            details={"line": accepted.line, "replaced": list(accepted.replaced)},
        )
        yield f"{text}; it is recorded, and outweighs what the spec says of this host: {accepted.line}"
    session.connections.renew(accepted.on(target))


def _refuse_a_second_one(run: ClusterRun, before: AcceptedHostKey | None, name: str, shown: HostKey) -> None:
    """IntegrityError if this run has accepted a key of the host already: what it was told to trust is that one."""
    if before is not None and before.run == run.owner.run_id:
        raise IntegrityError(
            f"{name}: it shows the host key {_named(shown)} by now, and this run has accepted another one: "
            f"`{before.line}`; see which machines answer at its address, then trigger the apply again"
        )


def _named(key: HostKey) -> str:
    return f"{key.kind} {key.fingerprint}"
