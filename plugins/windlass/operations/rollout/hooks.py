"""Run the spec's hooks on a host, around its change, and note on it that they have run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from windlass.domain.masking import mask_text
from windlass.domain.rollout.hooks import HOOKS_MARK, UNFINISHED, hooks_mark
from windlass.domain.scripts.hooks import ENVIRONMENT_FILE, environment_text, hook_script
from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import Connection
from windlass.errors import WindlassError
from windlass.operations.rollout.context import RolloutContext


@contextmanager
def hooks_around(rollout: RolloutContext, host: Host) -> Iterator[None]:
    """Run the hooks before and after what is done within; WindlassError says which one failed, and why.

    Whatever breaks it off, the host says so from the first hook on, and all of them are due again.
    """
    cluster, connection = rollout.session.cluster, rollout.connection(host.name)
    mark, hooks = hooks_mark(cluster), cluster.spec.upgrade.hooks
    if mark is None:
        yield
        return
    connection.put(HOOKS_MARK, UNFINISHED)
    _run(rollout, host, connection, "before", hooks.before)
    yield
    _run(rollout, host, connection, "after", hooks.after)
    connection.put(HOOKS_MARK, mark)


def _run(rollout: RolloutContext, host: Host, connection: Connection, when: str, hooks: Sequence[str]) -> None:
    session = rollout.session
    environment = session.secrets.fill(session.cluster, session.cluster.spec.upgrade.hooks.environment)
    for number, hook in enumerate(hooks, 1):
        if environment:
            connection.put(ENVIRONMENT_FILE, environment_text(environment), mode=0o600)
        script = hook_script(hook, host, has_environment=bool(environment))
        result = connection.run_script(script, timeout=rollout.limits.hook, check=False)
        if result.exit_code:
            last = (result.stderr or result.stdout).strip().splitlines()[-1:] or ["no output"]
            said = mask_text(session.secrets.redact(last[0]))
            place = f"spec.upgrade.hooks.{when}[{number - 1}]"
            raise WindlassError(f"{connection.host}: {place} exited {result.exit_code}: {said}")
        rollout.tell(f"{connection.host}: hook {when} {number} of {len(hooks)} is done")
