"""Who may see, run, approve and delete what, decided for one cluster by its stored spec."""

from __future__ import annotations

from functools import lru_cache

from windlass.domain.spec.access import AccessSection, Right
from windlass.domain.spec.rights import APPROVE, DELETE, OPERATE, Person, access_in, may, newly_given
from windlass.effects.store import ClusterRecords, Store, list_clusters
from windlass.errors import RefusedError
from windlass.operation_names import Operation
from windlass.operations.run import ClusterRun

_access_in = lru_cache(maxsize=32)(access_in)
"""The API server asks at each request about a run, as often as a page looks again; a spec may be a megabyte of YAML."""


def access_of(store: Store, cluster: str) -> AccessSection:
    """Return who may do what; of a cluster without a stored spec Airflow alone says."""
    data = ClusterRecords(store, cluster).spec_bytes()
    return AccessSection() if data is None else _access_in(cluster, data)


def right_to_run(dag_id: str) -> Right:
    """Return the right that a run of a DAG takes."""
    return DELETE if dag_id == Operation.DELETE else OPERATE


def why_not(store: Store, cluster: str, person: Person, right: Right) -> str:
    """Return why a person may not do something with a cluster; empty if they may, as far as is known."""
    try:
        is_allowed = may(access_of(store, cluster), person, right)
    except RefusedError as error:
        return str(error)
    if is_allowed is not False:
        return ""
    who = person.name or "nobody that Airflow names"
    return f"{cluster}: {who} may not {right} this cluster: its spec.access.roles says who may"


def why_not_everywhere(store: Store, person: Person, right: Right) -> str:
    """Return why a person may not do something that may be about any cluster; empty if they may."""
    return next(filter(None, (why_not(store, name, person, right) for name in list_clusters(store))), "")


def require_right(run: ClusterRun, right: Right, *, is_by_person: bool) -> None:
    """RefusedError if whoever started the run has not the right, as far as a task knows: the name, and no roles.

    A run that nobody started is the platform's own, and may do what is scheduled. Roles and teams are judged where they
    are known, in the API server.
    """
    if run.requester or is_by_person:
        refuse(why_not(run.store, run.name, Person(run.requester, None), right))


def require_approver(run: ClusterRun, name: str) -> None:
    """RefusedError if whoever approved may not, as far as a task can tell."""
    refuse(why_not(run.store, run.name, Person(name, None), APPROVE))


def rights_in(store: Store, cluster: str, spec: str) -> tuple[Right, ...]:
    """Return the rights that a spec gives somebody anew; none of one that cannot be read, which no run takes."""
    try:
        given = access_in(cluster, spec.encode(errors="replace"))
    except RefusedError:
        return ()
    return newly_given(access_of(store, cluster), given)


def require_own_rights(run: ClusterRun, given: AccessSection) -> None:
    """RefusedError if a spec gives somebody a right that whoever started the run has not, as far as a task can tell."""
    if run.requester:
        person = Person(run.requester, None)
        rights = newly_given(access_of(run.store, run.name), given)
        refuse(next(filter(None, (why_not_give(run.store, run.name, person, right) for right in rights)), ""))


def why_not_give(store: Store, cluster: str, person: Person, right: Right) -> str:
    """Return why a person may not have a spec give a right to somebody; empty if they may, as far as is known."""
    why = why_not(store, cluster, person, right)
    return f"{why}, and nobody gives a right that they have not: leave spec.access.roles as it is stored" if why else ""


def refuse(why: str) -> None:
    """RefusedError if there is a reason."""
    if why:
        raise RefusedError(why)
