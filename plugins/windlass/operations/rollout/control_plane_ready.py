"""Whether etcd, API server and controllers of a host serve, as they must before anything is done to the next one."""

from __future__ import annotations

from datetime import timedelta

from windlass.domain.addresses import host_port
from windlass.domain.etcd.status import status_health
from windlass.domain.host.layout import CONTROLLER_MANAGER_PORT, SCHEDULER_PORT
from windlass.domain.scripts.curl import CurlProbe
from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import Connection
from windlass.operations.etcd.clients import etcd_member
from windlass.operations.rollout.api_server import not_ready, not_up
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.waiting import wait_until

CONTROLLERS = {"kube-controller-manager": CONTROLLER_MANAGER_PORT, "kube-scheduler": SCHEDULER_PORT}
"""The port of each one's /healthz, on the host's own address."""
_ASK = timedelta(seconds=10)


def wait_for_planes(rollout: RolloutContext, host: Host) -> None:
    """Wait until what the host has of etcd and the control plane serves; NotReadyError says what does not."""
    doing = f"{host.name}: etcd and control plane"
    wait_until(lambda: _not_serving(rollout, host), rollout.limits.planes_ready, doing, rollout.session.clock)


def _not_serving(rollout: RolloutContext, host: Host) -> str:
    connection = rollout.connection(host.name)
    missing = [_without_leader(rollout, host.name)] if "etcd" in host.roles else []
    if "control-plane" in host.roles:
        missing += [not_ready(connection), not_up(rollout, host.name)]
        missing += [_unhealthy(connection, host, name) for name in CONTROLLERS]
    return "; ".join(one for one in missing if one)


def _without_leader(rollout: RolloutContext, host: str) -> str:
    with etcd_member(rollout.session, rollout.pki, host) as client:
        status = client.status()
    if not status.leader_id:
        return f"{host}: its etcd member knows no leader"
    health = status_health(status)
    return "" if health == "healthy" else f"{host}: its etcd member is {health}: {'; '.join(status.errors)}"


def _unhealthy(connection: Connection, host: Host, controller: str) -> str:
    # It shows a certificate of its own host's name alone; who answers at this address is known by the way there.
    url = f"https://{host_port(host.node_address, CONTROLLERS[controller])}/healthz"
    probe = CurlProbe(url, timedelta(seconds=5), "any answer", is_trusted=True)
    answer = connection.run(probe.argv, check=False, timeout=_ASK)
    if answer.stdout.strip() == "ok":
        return ""
    lines = (answer.stdout.strip() or answer.stderr.strip() or "no answer").splitlines()
    return f"{host.name}: {controller} does not serve: {lines[-1]}"
