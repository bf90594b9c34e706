"""Tell the proxy of every host which API servers there are; no connection is cut for it."""

from __future__ import annotations

from windlass.domain.host.desired import SETTINGS
from windlass.domain.host.layout import API_PROXY, PROXY_CONFIG
from windlass.domain.rollout import WIDEN, Step
from windlass.domain.scripts.apply import settings_script
from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import Connection
from windlass.errors import UnreachableError
from windlass.operations.apply.gather_facts import gather_facts
from windlass.operations.apply.prepare import prepare_host, remote_files
from windlass.operations.cluster import Changes, put_files, run_script
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.observe import rendered_files


def prepare_with_proxy(rollout: RolloutContext, host: Host, connection: Connection) -> Changes:
    """Prepare a host, but for which API servers its proxy leads to: that changes in steps of its own, in their turn.

    The proxy of a host that joins leads to all API servers that may serve meanwhile.
    """
    changed = prepare_host(rollout.session, host, connection, without=(PROXY_CONFIG,))
    if connection.read(PROXY_CONFIG) is not None:
        return changed
    rendered = rendered_files(rollout.during, host, gather_facts(connection))
    put_files(connection, remote_files({PROXY_CONFIG: rendered[PROXY_CONFIG]}))
    return changed


def change_proxies(rollout: RolloutContext, step: Step) -> dict[str, Changes]:
    """Lead the proxies of the step's hosts to the spec's API servers; to those that leave as well before they may go.

    A host that cannot be reached keeps the list that it has, and its proxy finds out by itself which of them serve.
    """
    session = rollout.during if step.kind == WIDEN else rollout.session
    paths = SETTINGS[API_PROXY]

    def change(host: Host, connection: Connection) -> Changes:
        rendered = rendered_files(session, host, gather_facts(connection))
        put_files(connection, remote_files({path: rendered[path] for path in paths}))
        return run_script(connection, settings_script(API_PROXY, paths))

    hosts = [rollout.host(name) for name in step.hosts]
    changed: dict[str, Changes] = {}
    for name, outcome in session.try_on_hosts(hosts, change).items():
        if isinstance(outcome.error, UnreachableError):
            rollout.tell(f"{name}: its proxy is left as it is: {outcome.error}")
        else:
            changed[name] = outcome.get()
    return changed
