"""Do one step of a rollout. Whatever is as desired already is left alone, so that every step can run twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from windlass.domain.rendering import installs_of
from windlass.domain.rollout.stale import reading
from windlass.domain.rollout.step import (
    ADD_ONS,
    API_SERVER,
    API_SERVICE,
    ETCD,
    ETCD_JOIN,
    ETCD_SERVICE,
    FORGET,
    HOST,
    LEAVE,
    NARROW,
    PREFETCH,
    PREPARE,
    WIDEN,
    Step,
    StepKind,
)
from windlass.domain.scripts.install import fetch_script
from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import Connection, RemoteFile
from windlass.operations.apply.gather_facts import gather_facts
from windlass.operations.apply.prepare import pull_images
from windlass.operations.apply.start import install_host_certificates
from windlass.operations.cluster import Changes, run_script
from windlass.operations.rollout.addons import change_add_ons
from windlass.operations.rollout.api_server import change_api_server
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.etcd import change_etcd
from windlass.operations.rollout.join import join_etcd, label_joined, let_register, prepare_joining_host
from windlass.operations.rollout.leave import Destroy, forget, leave
from windlass.operations.rollout.lost_workers import on_hosts_that_answer
from windlass.operations.rollout.node import change_host, wait_again
from windlass.operations.rollout.observe import observe_host
from windlass.operations.rollout.proxies import change_proxies

_DOWNLOADS = timedelta(minutes=20)


def do_step(
    rollout: RolloutContext, step: Step, sealed: RemoteFile, destroy: Destroy = lambda _: False
) -> dict[str, Changes]:
    """Do `step`; what was changed on each host, nothing where all was done already.

    `destroy` has a host's provider destroy it, where that makes hosts.
    """
    acts: dict[StepKind, Callable[[Host, Connection], Changes]] = {
        PREFETCH: lambda host, connection: _fetch(rollout, host, connection),
        PREPARE: lambda host, connection: prepare_joining_host(rollout, host, connection, sealed),
        ETCD_JOIN: lambda host, _: join_etcd(rollout, host.name, sealed),
        ETCD: lambda host, _: _service(rollout, host.name, ETCD_SERVICE, sealed),
        # Several of them only where none runs yet.
        API_SERVER: lambda host, _: _service(rollout, host.name, API_SERVICE, sealed),
        HOST: lambda host, _: _host(rollout, host, sealed, drains=step.drains),
        LEAVE: lambda host, _: leave(rollout, host.name, destroy),
    }
    if step.kind == ADD_ONS:
        return {"cluster": change_add_ons(rollout)}
    if step.kind in {WIDEN, NARROW}:
        return change_proxies(rollout, step)
    if step.kind == FORGET:  # a host that does not answer any more
        return {name: forget(rollout, name) for name in step.hosts}
    if step.kind == HOST:
        let_register(rollout, map(rollout.host, step.hosts))
    changed = on_hosts_that_answer(rollout, step, acts[step.kind])
    if step.kind == HOST and step.gives_labels:
        labelled = label_joined(rollout, changed)
        return {name: (*one, *labelled.get(name, ())) for name, one in changed.items()}
    return changed


def _service(rollout: RolloutContext, name: str, service: str, sealed: RemoteFile) -> Changes:
    """Change the one service; one that is as wanted but may not have come up yet is waited for.

    One that does not run, as after a try that was broken off, takes nothing away by being started. One that reads
    authorities or keys only when it starts gets them first: what is on hosts meanwhile is accepted by all
    (`windlass.domain.pki.rotation`). So does an API server in any case, since its stack's file tells of its controllers
    too: should the rollout end here, whoever starts one of those by that file finds what it mounts.
    """
    host, connection = rollout.host(name), rollout.connection(name)
    look = observe_host(rollout.session, rollout.pki, host, connection)
    may_run = look.observed.running(service.rpartition("/")[2]) is not None  # what nobody can tell of may run
    recreates = service in reading(look.drift)
    laid: Changes = ()
    if look.drift.certificates and (recreates or service == API_SERVICE):
        laid = install_host_certificates(rollout.session.cluster, rollout.pki, sealed, host, connection)
    act = change_etcd if service == ETCD_SERVICE else change_api_server
    return (*laid, *act(rollout, name, stops=may_run and service in look.state.stale, recreates=recreates))


def _host(rollout: RolloutContext, host: Host, sealed: RemoteFile, *, drains: bool) -> Changes:
    found = observe_host(rollout.session, rollout.pki, host, rollout.connection(host.name))
    if not found.state.stale:
        return wait_again(rollout, host.name)
    again = tuple(one for one in reading(found.drift) if one not in {ETCD_SERVICE, API_SERVICE})
    return change_host(rollout, host.name, None if found.drift.is_all_laid else sealed, drains=drains, recreates=again)


def _fetch(rollout: RolloutContext, host: Host, connection: Connection) -> Changes:
    """Fetch what the host will need, and let everything that runs be as it is."""
    session = rollout.session
    installs = installs_of(session.cluster, session.release, host, gather_facts(connection), session.mirror)
    script = fetch_script(installs, session.lock, session.mirror)
    return (*run_script(connection, script, timeout=_DOWNLOADS), *pull_images(session, host, connection))
