"""Change containers of one stack on one host, and put them back as they were if the new ones do not come up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from windlass.domain.host.layout import stack_directory
from windlass.domain.scripts.apply import service_digests, stack_script
from windlass.domain.scripts.recreate import recreate_script
from windlass.domain.spec.models import Host
from windlass.effects.ssh.connection import Connection, RemoteFile
from windlass.errors import UnreachableError, WindlassError
from windlass.operation_names import Operation
from windlass.operations.apply.gather_facts import gather_facts
from windlass.operations.apply.prepare import remote_files
from windlass.operations.cluster import Changes, ClusterSession, put_files, run_script
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.observe import rendered_files
from windlass.operations.waiting import wait_until

_UP = timedelta(minutes=5)
_LOG_LINES = "3"
GO_ON = "fix the cause, then run the same rollout again: it goes on from here"
"""What to do about something that did not come up."""


@dataclass(frozen=True)
class StackPart:
    """Services of one stack on one host, and how to tell that they serve."""

    host: str
    stack: str
    services: tuple[str, ...]
    missing: Callable[[ClusterSession], str]
    """What is still missing for those of a session to count as up; empty once they are."""
    within: timedelta
    may_go_back: Callable[[], bool | None]
    """Whether the old ones may be put back; None if that cannot be told, and then they are not."""
    recreates: bool = False
    """Whether they start again in any case: they have read files that are others now."""


def change_part(rollout: RolloutContext, part: StackPart) -> Changes:
    """Bring the services to what is wanted; if they do not come up, put the old ones back and raise.

    The error says what was wrong and what runs now. Services that run already as wanted are only waited for.
    """
    try:
        changed = lay_and_start(rollout.session, part)
        _wait(rollout.session, part)
    except UnreachableError:
        raise
    except WindlassError as error:
        raise _gone_back(rollout, part, error) from error
    return changed


def _wait(session: ClusterSession, part: StackPart) -> None:
    wait_until(lambda: part.missing(session), part.within, f"{part.host}: {', '.join(part.services)}", session.clock)


def lay_and_start(session: ClusterSession, part: StackPart) -> Changes:
    """Write the stack's files as the session has them, and start those of its services that differ."""
    host = next(host for host in session.hosts if host.name == part.host)
    connection = session.connections.get(part.host)
    files = _files_of(session, host, part.stack)
    put_files(connection, files)
    if part.recreates:
        return recreate_services(connection, part.stack, part.services)
    return start_services(connection, part.stack, files[f"{stack_directory(part.stack)}/compose.yaml"], part.services)


def compose_of(session: ClusterSession, host: Host, stack: str) -> RemoteFile:
    """Return the stack's Compose file as the session has it for the host."""
    return _files_of(session, host, stack)[f"{stack_directory(stack)}/compose.yaml"]


def start_services(connection: Connection, stack: str, compose: RemoteFile, services: Sequence[str]) -> Changes:
    """Start those of the stack's `services` that differ from the Compose file, which lies on the host."""
    digests = service_digests(compose.content.decode())
    return run_script(connection, stack_script(stack, digests, services), timeout=_UP)


def recreate_services(connection: Connection, stack: str, services: Sequence[str]) -> Changes:
    """Recreate `services` from the Compose file that lies on the host, each with its time to stop."""
    scripts = [recreate_script(stack, service, is_gentle=True) for service in services]
    return tuple(change for script in scripts for change in run_script(connection, script, timeout=_UP))


def _files_of(session: ClusterSession, host: Host, stack: str) -> dict[str, RemoteFile]:
    files = rendered_files(session, host, gather_facts(session.connections.get(host.name)))
    return remote_files({path: file for path, file in files.items() if path.startswith(f"{stack_directory(stack)}/")})


def _gone_back(rollout: RolloutContext, part: StackPart, error: WindlassError) -> WindlassError:
    """Put the old services back where they may go back, and return the error that tells all of it."""
    what = f"{part.host}: {', '.join(part.services)}"
    try:
        rollout.connection(part.host).run(["true"], timeout=timedelta(seconds=15))
    except UnreachableError as gone:  # it may come back: then the same step goes on from what is there
        return UnreachableError(f"{what} did not come up ({error}), and the host does not answer: {gone}")
    reason = f"{error}{last_words(rollout, part.host, part.services)}"
    if rollout.before == rollout.session or rollout.is_new(rollout.host(part.host)):
        return DidNotComeUpError(f"{what} did not come up: {reason}; {GO_ON}")
    may_go_back = part.may_go_back()
    if not may_go_back:
        stays = "may be past the point of no return, which nothing that answers can tell"
        return DidNotComeUpError(
            f"{what} did not come up, and {stays if may_go_back is None else 'is past the point of no return'}: "
            f"{reason}; fix the cause and run the same rollout again, which goes on from here, or restore the bundle "
            f"from before: `{Operation.RECOVER}` with `restore_versions`"
        )
    rollout.tell(f"{what}: putting the old version back")
    try:
        lay_and_start(rollout.before, part)
        _wait(rollout.before, part)
    except WindlassError as again:
        return DidNotComeUpError(f"{what} did not come up: {reason}; nor did the old version: {again}; {GO_ON}")
    return DidNotComeUpError(
        f"{what} did not come up, and the old version runs again: {reason}; the cluster serves; {GO_ON}"
    )


class DidNotComeUpError(WindlassError):
    """A component did not come up within its time; trying again by itself would be the same."""


def last_words(rollout: RolloutContext, host: str, services: Sequence[str]) -> str:
    """Return the end of the services' logs, as far as the host tells."""
    told = []
    for service in services:
        try:
            argv = ["docker", "logs", "--tail", _LOG_LINES, f"windlass-{service}"]
            result = rollout.connection(host).run(argv, sudo=True, check=False, timeout=timedelta(seconds=10))
        except WindlassError:
            continue
        lines = (result.stderr or result.stdout).strip().splitlines()
        told += [line.strip()[:300] for line in lines[-1:]]
    return f" (its log ends with: {'; '.join(told)})" if told else ""


def always() -> bool:
    """Say yes."""
    return True
