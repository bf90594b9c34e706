"""Do one step of a roll. Whatever is as wanted already is left alone, so that every step can run twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from windlass.domain.rollout import ADD_ONS, API_SERVER, ETCD, HOST, PREFETCH, Step
from windlass.domain.rollout.plan import API_SERVICE, ETCD_SERVICE
from windlass.domain.scripts.install import fetch_script
from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import Connection, RemoteFile
from windlass.effects.ssh.fan_out import values
from windlass.operations.apply.gather_facts import gather_facts
from windlass.operations.apply.prepare import pull_images, wanted_installs
from windlass.operations.cluster import Changes, run_script
from windlass.operations.rollout.addons import change_add_ons
from windlass.operations.rollout.api_server import change_api_server
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.etcd import change_etcd
from windlass.operations.rollout.node import change_host, wait_again
from windlass.operations.rollout.observe import observe_host

_DOWNLOADS = timedelta(minutes=20)


def do_step(roll: RolloutContext, step: Step, sealed: RemoteFile) -> dict[str, Changes]:
    """Do `step`; what was changed on each host, nothing where all was done already."""
    if step.kind == PREFETCH:
        hosts = [host for host in roll.site.hosts if host.name in step.hosts]
        return roll.site.on_hosts("fetch", hosts, lambda host, connection: _fetch(roll, host, connection))
    if step.kind == ADD_ONS:
        return {"cluster": change_add_ons(roll)}
    if step.kind == ETCD:
        return {name: _service(roll, name, ETCD_SERVICE) for name in step.hosts}
    if step.kind == API_SERVER:
        return {name: _service(roll, name, API_SERVICE) for name in step.hosts}
    assert step.kind == HOST  # noqa: S101 - there is no other kind
    wanted = [host for host in roll.site.hosts if host.name in step.hosts]
    outcomes = roll.site.try_on_hosts(wanted, lambda host, _: _host(roll, host, sealed, drains=step.drains))
    return values(outcomes, "change hosts")


def _service(roll: RolloutContext, name: str, service: str) -> Changes:
    """Change the one service; one that is as wanted but may not have come up yet is waited for.

    One that does not run, as after a try that was broken off, takes nothing away by being started.
    """
    look = observe_host(roll.site, roll.pki, roll.host(name), roll.connection(name))
    runs = service.rpartition("/")[2] in look.seen.services
    act = change_etcd if service == ETCD_SERVICE else change_api_server
    return act(roll, name, stops=runs and service in look.state.stale)


def _host(roll: RolloutContext, host: Host, sealed: RemoteFile, *, drains: bool) -> Changes:
    state = observe_host(roll.site, roll.pki, host, roll.connection(host.name)).state
    if not state.stale:
        return wait_again(roll, host.name)
    return change_host(roll, host.name, sealed, drains=drains)


def _fetch(roll: RolloutContext, host: Host, connection: Connection) -> Changes:
    """Fetch what the host will need, and let everything that runs be as it is."""
    installs = wanted_installs(roll.site, host, gather_facts(connection))
    script = fetch_script(installs, roll.site.lock, roll.site.mirror)
    return (*run_script(connection, script, timeout=_DOWNLOADS), *pull_images(roll.site, host, connection))


def tell_changes(changes: dict[str, Changes]) -> Sequence[str]:
    """Return what was changed as lines `HOST: WHAT`."""
    return [f"{host}: {what}" for host, whats in changes.items() for what in whats]
