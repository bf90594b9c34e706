"""What a person does to the store as a whole: `store check`, `sign`, `accept`, `restore-pki` and `spec`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

from windlass.domain.authenticity.place import INSTALLATION
from windlass.domain.remote import Arguments, ClusterArguments, RestorePkiArguments, SignArguments, SpecArguments
from windlass.domain.spec import load_cluster
from windlass.domain.spec.care import TWO_PEOPLE
from windlass.effects.store import AcceptedObject, AuthenticatedStore, ClusterRecords, problems_of
from windlass.effects.store.conditions import check_conditions
from windlass.errors import UNREADABLE, RefusedError, SpecError
from windlass.operation_names import Operation
from windlass.operations.commands.command_context import CommandContext
from windlass.operations.store_repair import StoreRepair


def check(context: CommandContext, _: Arguments) -> int:
    """List every object that is not what Windlass wrote there last; 1 if there is one.

    RefusedError if the server does not write on conditions.
    """
    repair = _open(context)
    check_conditions(repair.store, INSTALLATION)
    problems = problems_of(_checked(repair), repair.store)
    for line in problems:
        context.show(line)
    context.show(f"{len(problems) or 'no'} objects are other than Windlass wrote them")
    return 1 if problems else 0


def sign(context: CommandContext, given: SignArguments) -> int:
    """Sign an unsigned store, or list what would be signed."""
    repair = _open(context)
    if given.plan_only:
        _list(context, repair.unsigned(), "would be accepted and signed")
        return 0
    installation, accepted = repair.sign()
    _list(context, accepted, f"were accepted and signed; the store is the installation {installation}")
    return 0


def accept(context: CommandContext, given: ClusterArguments) -> int:
    """Take what the store has of a cluster, or of the catalog, as the newest state."""
    accepted = _open(context).accept(given.cluster)
    _list(context, accepted, f"of {given.cluster or 'the catalog'} were other than known, and are accepted")
    return 0


def restore_pki(context: CommandContext, given: RestorePkiArguments) -> int:
    """Put a lost PKI back from a control-plane host's sealed copy."""
    try:
        sealed = base64.b64decode(given.copy_base64, validate=True)
    except binascii.Error as error:
        raise SpecError(f"the copy of the PKI is not base64: {error}") from error
    repair = _open(context)
    repair.restore_pki(ClusterRecords(_checked(repair), given.cluster), sealed)
    context.show(f"the PKI of {given.cluster} is in the store again")
    return 0


def stored_spec(context: CommandContext, given: SpecArguments) -> int:
    """Print the stored spec of a cluster, or store another one in its place."""
    repair = _open(context)
    records = ClusterRecords(_checked(repair), given.cluster)
    if given.write is None:
        stored = records.spec_bytes()
        if stored is None:
            raise SpecError(f"the store has no cluster `{given.cluster}`")
        context.show(stored.decode(errors="replace").removesuffix("\n"))
        return 0
    if context.is_remote:
        _keep_two_people(records)
    is_other = repair.write_spec(records, given.write, given.filename)
    done = f"the stored spec of {given.cluster} is {given.filename} now"
    context.show(done if is_other else "nothing changed: it is stored so")
    return 0


def _keep_two_people(records: ClusterRecords) -> None:
    """RefusedError where a stored spec that can be read wants two people: whoever has no master key is one of them."""
    try:
        spec = load_cluster(records.spec() or "", "stored spec").spec
    except UNREADABLE:
        return  # which is what this command is for
    if TWO_PEOPLE in {spec.upgrade.approval, spec.recovery.approval}:
        raise RefusedError(
            f"{records.cluster}: its stored spec can be read, and wants two people behind a change; "
            f"give the other one to `{Operation.APPLY}`"
        )


def _open(context: CommandContext) -> StoreRepair:
    return StoreRepair(context.open_unchecked_store(), context.services.keys, context.person)


def _checked(repair: StoreRepair) -> AuthenticatedStore:
    return AuthenticatedStore.by(repair.store, repair.masters)


def _list(context: CommandContext, objects: Iterable[AcceptedObject], text: str) -> None:
    found = list(objects)
    for one in found:
        context.show(str(one))
    context.show(f"{len(found)} objects {text}")
