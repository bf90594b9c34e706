"""Commands of `windlass` where Airflow's connections are: for a person at a shell there, or for one elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from windlass.airflow import connections, services
from windlass.airflow.run_context import RunContext
from windlass.domain.lease import Owner
from windlass.domain.remote import AcceptArguments, Answer, Arguments, Command, needs_of
from windlass.domain.remote.command_needs import is_about_cluster
from windlass.domain.spec.rights import Person
from windlass.effects.store.accepted_locks import AcceptedLocks
from windlass.errors import RefusedError, SpecError, WindlassError, exit_code
from windlass.mirror import accepting
from windlass.operations.commands import break_glass, bundles, derived_keys, inspecting, repairing
from windlass.operations.commands.command_context import CommandContext
from windlass.operations.rights import refuse, why_not, why_not_everywhere
from windlass.operations.run import Tell


@dataclass(frozen=True)
class Caller:
    """Who gives a command, and where what it says goes."""

    person: str
    owner: Owner
    """As leases and logs would name whoever acts."""
    show: Tell
    tell: Tell
    is_remote: bool = False
    """Whether it is given over Airflow, by somebody who has neither the store's login nor the master key."""


def perform(command: Command, cluster: str, given: Arguments, caller: Caller) -> int:
    """Run a command with Airflow's connections, and return its exit code; errors of ours say what went wrong."""
    built = services.airflow_services()
    if caller.is_remote:
        _require_rights(command, cluster, given, caller.person)
    context = CommandContext(
        cluster=cluster,
        person=caller.person,
        services=built,
        open_run=lambda: RunContext(cluster, caller.owner, lambda _: None, built),
        open_unchecked_store=connections.open_unchecked_store,
        show=lambda text: caller.show(built.secrets.redact(text)),
        tell=lambda text: caller.tell(built.secrets.redact(text)),
        is_remote=caller.is_remote,
    )
    return _HANDLERS[command](context, given)


def answer_to(command: Command, cluster: str, given: Arguments, person: str, owner: Owner) -> Answer:
    """Run a command for somebody elsewhere; that it fails is an answer too, with the exit code that it has here."""
    out: list[str] = []
    err: list[str] = []
    try:
        code = perform(command, cluster, given, Caller(person, owner, out.append, err.append, is_remote=True))
    except WindlassError as error:
        err.append(f"windlass: {error}")
        code = exit_code(error)
    return Answer(tuple(out), tuple(err), code)


def _require_rights(command: Command, cluster: str, given: Arguments, person: str) -> None:
    """RefusedError if the person may not, as far as a task can tell: it knows the name, and no roles.

    Roles, teams and what Airflow itself allows are judged in the API server, which starts these runs for nobody else.
    """
    if not person:
        raise RefusedError(f"`windlass {command}`: Airflow does not say who gave it; log in, and give it by `windlass`")
    if is_about_cluster(command) != bool(cluster):
        raise SpecError(f"`windlass {command}`: it is about {'one cluster' if not cluster else 'no one cluster'}")
    store, who = services.airflow_services().store, Person(person, None)
    for right in needs_of(command, given).rights:
        refuse(why_not(store, cluster, who, right) if cluster else why_not_everywhere(store, who, right))


def _mirror_accept(context: CommandContext, given: AcceptArguments) -> int:
    return accepting.accept(_locks(context), given, context.person, context.show)


def _mirror_accepted(context: CommandContext, _: Arguments) -> int:
    return accepting.show_accepted(_locks(context), context.show)


def _locks(context: CommandContext) -> AcceptedLocks:
    return AcceptedLocks(context.services.store, context.services.keys)


_HANDLERS: Mapping[Command, Callable[[CommandContext, Any], int]] = {
    Command.PLAN: inspecting.plan,
    Command.AUDIT: inspecting.audit,
    Command.CERTIFICATES: inspecting.certificates,
    Command.BACKUP_LIST: bundles.list_bundles,
    Command.BACKUP_SHOW: bundles.show_bundle,
    Command.BACKUP_VERIFY: bundles.verify_bundle,
    Command.BREAK_GLASS: break_glass.break_glass,
    Command.MASTER_KEY: derived_keys.master_key,
    Command.PEOPLE_KEY: derived_keys.people_key,
    Command.RECORD_KEY: derived_keys.record_key,
    Command.READING_KEY: derived_keys.reading_key,
    Command.MIRROR_ACCEPT: _mirror_accept,
    Command.MIRROR_ACCEPTED: _mirror_accepted,
    Command.STORE_CHECK: repairing.check,
    Command.STORE_SIGN: repairing.sign,
    Command.STORE_ACCEPT: repairing.accept,
    Command.STORE_RESTORE_PKI: repairing.restore_pki,
    Command.STORE_SPEC: repairing.stored_spec,
}
