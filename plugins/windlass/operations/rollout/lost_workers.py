"""Workers that stop answering in the midst of a rollout: it goes on without them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from windlass.domain.rollout import Step
from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import Connection
from windlass.effects.ssh.fan_out import HostOutcome, values
from windlass.errors import UnreachableError
from windlass.operation_names import Operation
from windlass.operations.cluster import Changes
from windlass.operations.rollout.context import RolloutContext


def on_hosts_that_answer(
    rollout: RolloutContext, step: Step, act: Callable[[Host, Connection], Changes]
) -> dict[str, Changes]:
    """Do a step on its hosts side by side; a worker that does not answer any more is told, and left out.

    Of a host of etcd or of the control plane it is an error, since what comes next may count on it.
    """
    outcomes = rollout.session.try_on_hosts([rollout.host(name) for name in step.hosts], act)
    lost = _lost(rollout, outcomes)
    for name, reason in lost.items():
        rollout.tell(f"{name}: left out from here on: {reason}; once it is back, `{Operation.APPLY}` finishes it")
    return values({name: one for name, one in outcomes.items() if name not in lost}, step.label)


def _lost(rollout: RolloutContext, outcomes: Mapping[str, HostOutcome[Changes]]) -> dict[str, str]:
    """Return the workers that cannot be reached, also when asked again, while the control plane can be."""
    failed = [rollout.host(name) for name, one in outcomes.items() if isinstance(one.error, UnreachableError)]
    workers = [host for host in failed if set(host.roles) == {"worker"}]
    if not workers:
        return {}
    session = rollout.session
    others = session.cluster.hosts_with("control-plane")
    asked = session.observe_on_hosts([*workers, *others], lambda _, connection: connection.run(["true"]))
    if not any(asked[host.name].is_ok for host in others):  # then it is Airflow that is cut off
        return {}
    return {host.name: str(asked[host.name].error) for host in workers if not asked[host.name].is_ok}
