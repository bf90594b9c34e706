"""Tell the proxy of every host which API servers there are, and who may hold their address; no connection is cut."""

from __future__ import annotations

from windlass.domain.host.desired import host_settings
from windlass.domain.host.layout import ADDRESS_CONFIG, ADDRESS_STACK, API_PROXY, PROXY_CONFIG, VIRTUAL_ADDRESS
from windlass.domain.rendering import host_stacks
from windlass.domain.rollout import NARROW, WIDEN, Step
from windlass.domain.scripts.apply import settings_script
from windlass.domain.scripts.user_stacks import remove_others_script
from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import Connection
from windlass.errors import UnreachableError
from windlass.operations.apply.gather_facts import gather_facts
from windlass.operations.apply.prepare import prepare_host, remote_files
from windlass.operations.cluster import Changes, put_files, run_script
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.observe import rendered_files

_FILES = (PROXY_CONFIG, ADDRESS_CONFIG)


def prepare_with_proxy(rollout: RolloutContext, host: Host, connection: Connection) -> Changes:
    """Prepare a host, but for which API servers its proxy leads to: that changes in steps of its own, in their turn.

    The proxy of a host that joins leads to all API servers that may serve meanwhile.
    """
    changed = prepare_host(rollout.session, host, connection, without=_FILES)
    missing = [path for path in _FILES if connection.read(path) is None]
    if missing:
        rendered = rendered_files(rollout.during, host, gather_facts(connection))
        put_files(connection, remote_files({path: rendered[path] for path in missing if path in rendered}))
    return changed


def change_proxies(rollout: RolloutContext, step: Step) -> dict[str, Changes]:
    """Lead the proxies of the step's hosts to the spec's API servers; to those that leave as well before they may go.

    A host that cannot be reached keeps the list that it has, and its proxy finds out by itself which of them serve.
    """
    session = rollout.during if step.kind == WIDEN else rollout.session

    def change(host: Host, connection: Connection) -> Changes:
        rendered = rendered_files(session, host, gather_facts(connection))
        put_files(connection, remote_files({path: rendered[path] for path in _FILES if path in rendered}))
        there = host_settings(rendered)
        scripts = [settings_script(what, there[what]) for what in (API_PROXY, VIRTUAL_ADDRESS) if what in there]
        return tuple(change for script in scripts for change in run_script(connection, script))

    if step.kind == NARROW:
        _give_up_address(rollout)
    hosts = [rollout.host(name) for name in step.hosts]
    changed: dict[str, Changes] = {}
    for name, outcome in session.try_on_hosts(hosts, change).items():
        if isinstance(outcome.error, UnreachableError):
            rollout.tell(f"{name}: its proxy is left as it is: {outcome.error}")
        else:
            changed[name] = outcome.get()
    return changed


def _give_up_address(rollout: RolloutContext) -> None:
    """Have hosts that leave hold the virtual address no more, before the others stop to listen to them.

    Else both would hold it, one of them until it has left.
    """
    leaving = rollout.transition.leaving if rollout.transition else ()
    during = rollout.during.cluster
    holders = [host for host in leaving if ADDRESS_STACK in host_stacks(during, host)]

    def give_up(host: Host, connection: Connection) -> Changes:
        kept = [stack for stack in host_stacks(during, host) if stack != ADDRESS_STACK]
        return run_script(connection, remove_others_script(kept))

    for name, outcome in rollout.during.try_on_hosts(holders, give_up).items():
        if outcome.error is not None:
            rollout.tell(f"{name}: it may hold the virtual address until it has left: {outcome.error}")
