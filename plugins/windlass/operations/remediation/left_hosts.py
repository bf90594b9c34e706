"""Clean the hosts that left the cluster while they did not answer, once they are back; nobody has to apply for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from windlass.domain.pki import Pki, issue_pki
from windlass.domain.remediation.notes import Note
from windlass.domain.rollout.record import LeftHost
from windlass.domain.rollout.transition import Transition, merged_hosts
from windlass.domain.spec.models import Cluster
from windlass.errors import WindlassError
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.rollout.bar_nodes import bar_nodes
from windlass.operations.rollout.context import RolloutContext, Views
from windlass.operations.rollout.leave import leave
from windlass.operations.rollout.planes import find_leftovers
from windlass.operations.rollout.settle import hosts_left, left_nodes
from windlass.operations.run import ClusterRun

_API = timedelta(seconds=20)
Report = Callable[[Note], None]


def clean_left_hosts(run: ClusterRun, report: Report, *, by_person: bool) -> tuple[str, ...]:
    """Clean every host that left and answers, as a rollout does; what was done, by host. Whatever fails is reported.

    While a rollout has not ended it is left to that. Where the spec turns remediation off only a person has it done.
    """
    left = run.records.left_hosts()
    if not left or run.records.rollout() is not None or not (by_person or run.cluster().spec.repair.enabled):
        return ()
    with _views(run, left) as views:
        pki = _pki(run, views)
        found = find_leftovers(views.during, views.transition)
        done = [line for name, rest in found.rest.items() if rest for line in _clean(run, views, pki, name, report)]
        remaining = hosts_left(run, views)
        if remaining != left:
            run.records.save_left_hosts(remaining)
        _bar(views, pki, left_nodes(views.session.cluster, remaining), report)
    clean = sorted({one.host.name for one in left} - {one.host.name for one in remaining})
    for name in clean:
        report(Note(f"{name} has left the cluster, and nothing of it is there any more", host=name))
    return tuple(done)


def left_hosts_that_answer(run: ClusterRun) -> tuple[str, ...]:
    """Return in words what a run would clean now; nothing is changed."""
    left = run.records.left_hosts()
    if not left or run.records.rollout() is not None:
        return ()
    with _views(run, left) as views:
        found = find_leftovers(views.during, views.transition)
    return tuple(f"clean {name}, which has left: remove {', '.join(rest)}" for name, rest in found.rest.items() if rest)


@contextmanager
def _views(run: ClusterRun, left: tuple[LeftHost, ...]) -> Iterator[Views]:
    transition = _transition(run.cluster(), left)
    with run.session(transition.during) as during:
        session = replace(during, cluster=transition.after)
        yield Views(session, session, during, transition)


def _transition(cluster: Cluster, left: tuple[LeftHost, ...]) -> Transition:
    names = {host.name for host in cluster.spec.hosts.members}
    taken = {host.address for host in cluster.spec.hosts.members}
    gone = frozenset(one.host.name for one in left if one.is_gone or one.host.address in taken) - names
    known = merged_hosts(cluster.spec.hosts.members, [one.host for one in left])
    return Transition(cluster, known, gone, gone, frozenset(one.host.name for one in left))


def _pki(run: ClusterRun, views: Views) -> Pki:
    """Return the PKI with what belonged on the hosts that left; nothing of that is stored."""
    during = views.during.cluster
    return issue_pki(during, run.clock.now(), run.pki(), run.authorities(during))


def _clean(run: ClusterRun, views: Views, pki: Pki, name: str, report: Report) -> Iterator[str]:
    def tell(text: str) -> None:
        report(Note(text, host=name))

    tell(f"{name} left the cluster while it did not answer, and is back: it is cleaned")
    rollout = RolloutContext(views.session, views.session, pki, tell, transition=views.transition)
    try:
        changed = leave(rollout, name, lambda host: run.destroy_host(views.during.cluster, host))
    except WindlassError as error:
        report(Note(f"{name} has left and could not be cleaned: {error}", level="error", host=name))
        return
    yield f"cleaned {name}: {', '.join(changed) or 'nothing was left'}"


def _bar(views: Views, pki: Pki, names: frozenset[str], report: Report) -> None:
    """See that only hosts that are not clean are denied their nodes, also if somebody has changed that."""
    try:
        with kubernetes_api(views.session, pki, _API) as client:
            bar_nodes(client, names)
    except WindlassError as error:
        report(Note(f"the API could not be told which hosts have left: {error}", level="warning"))
