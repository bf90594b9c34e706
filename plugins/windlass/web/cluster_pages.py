"""The page of one cluster, and those from which people act on it: forms, plans, and runs as they come up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from fastapi import Depends, HTTPException, Request

from windlass.domain.spec.form import PRESETS, first_spec, read_form, write_form
from windlass.domain.spec.overview import bundle_rows, overview
from windlass.effects.store import Store
from windlass.effects.store.read_cluster import read_known
from windlass.operation_names import Operation
from windlass.web.access import (
    User,
    Visible,
    airflow_lets_read,
    airflow_lets_run,
    may_answer,
    may_run,
    unknown,
)
from windlass.web.actions import ACTIONS, BY_OPERATION, action_form
from windlass.web.catalog_view import CatalogView, view_catalog
from windlass.web.cluster_runs import GIVEN_SPECS, TheClusterRuns, with_creation
from windlass.web.needs import TheCatalog, TheKeys, TheStandings, TheStore
from windlass.web.pages import render
from windlass.web.reading import Filter, read_log
from windlass.web.rest import known_cluster
from windlass.web.run_views import RunView

_RECENT = timedelta(hours=12)
"""For so long a run that a person started is shown once it has ended."""


@dataclass(frozen=True)
class PageNeeds:
    """What the pages about one cluster work with: who looks, and what there is to see."""

    user: User
    store: TheStore
    keys: TheKeys
    catalog: TheCatalog
    runs: TheClusterRuns


ThePage = Annotated[PageNeeds, Depends()]


@dataclass(frozen=True)
class ShownRun:
    """A run as one user sees it."""

    view: RunView
    may_answer: bool
    is_own: bool
    """Whether the user has started it, who then is not the second person where two must be behind it."""


def cluster_page(request: Request, name: Visible, page: ThePage) -> str:
    """Show one cluster with its runs, backups and service log; of one that is not there (yet, any more) its runs."""
    store, now = page.store, datetime.now(UTC)
    known = read_known(store, name, page.keys)
    shown = list(_shown(page.runs.newest(name, now - _RECENT), store, name, page.user))
    if known is None:
        if not shown:
            raise unknown(name)
        is_gone = shown[0].view.dag_id == Operation.DELETE
        return render(request, "not_there.html", name=name, runs=shown, is_gone=is_gone)
    return render(
        request,
        "cluster.html",
        cluster=overview(known, page.catalog, now),
        bundles=bundle_rows(known.backups, now),
        events=read_log(store, name, Filter(), 100),
        runs=shown,
        may_pause=may_run(store, name, Operation.PAUSE_UPGRADE, page.user),
        actions=[one for one in ACTIONS if may_run(store, name, one.operation, page.user)],
    )


def action_page(request: Request, name: Visible, operation: str, page: ThePage) -> str:
    """Show the form of one action; 403 for whom it is not, 404 if it is none."""
    action = BY_OPERATION.get(operation)
    if action is None:
        raise HTTPException(404, f"there is no action `{operation}`; a cluster's page has those there are")
    known, now = known_cluster(name, page.store, page.keys), datetime.now(UTC)
    if not may_run(page.store, name, operation, page.user):
        raise HTTPException(403, f"you may not run `{operation}` for `{name}`")
    form = page.runs.form(operation)
    if form is None:
        raise HTTPException(409, f"Airflow does not know the DAG `{operation}`: see its import errors")
    cluster = overview(known, page.catalog, now)
    filled = action_form(action, form, cluster, bundle_rows(known.backups, now))
    return render(request, "action.html", cluster=cluster, form=filled)


def run_part(request: Request, name: Visible, dag: str, run: str, page: ThePage) -> str:
    """Return one run of a cluster, with the run that it has create the cluster, as a part of a page."""
    found = [one for one in with_creation(page.runs, dag, run) if one.cluster == name]
    shown = list(_shown(found, page.store, name, page.user))
    if not shown:
        raise HTTPException(404, f"`{name}` has no run `{run}` of `{dag}`")
    return render(request, "runs.html", runs=shown)


def deploy_page(request: Request, page: ThePage, standings: TheStandings) -> str:
    """Show the catalog, and the form and the text of a new cluster's spec."""
    view = view_catalog(page.catalog, standings)
    return _deploy(request, page, view, first_spec(view.newest), "")


def change_page(request: Request, name: Visible, page: ThePage, standings: TheStandings) -> str:
    """Show the same with the spec of a cluster, as the newest run has brought it that Airflow lets the user read.

    The store's own is for no page: what people wrote freely into it is not shown.
    """
    known = known_cluster(name, page.store, page.keys)
    if not may_run(page.store, name, Operation.APPLY, page.user):
        raise HTTPException(403, f"you may not run `{Operation.APPLY}` for `{name}`")
    reads = all(airflow_lets_read(dag, DagAccessEntity.RUN, page.user) for dag in GIVEN_SPECS)
    text = page.runs.newest_spec(name) if reads else ""
    form = read_form(text, page.catalog)
    if form is not None:  # it may have been upgraded since
        version = known.cluster.spec.kubernetes.version
        text = write_form(text, form.model_copy(update={"version": version}), page.catalog) or text
    return _deploy(request, page, view_catalog(page.catalog, standings), text, name)


def _deploy(request: Request, page: PageNeeds, view: CatalogView, text: str, changed: str) -> str:
    lets = airflow_lets_run(Operation.APPLY, page.user)
    form = page.runs.form(Operation.APPLY) if lets else None
    return render(
        request,
        "deploy.html",
        catalog=view,
        text=text,
        changed=changed,
        presets={
            name: [{"name": host, "roles": list(roles)} for host, roles in hosts] for name, hosts in PRESETS.items()
        },
        may_deploy=lets,
        is_paused=form is not None and form.is_paused,
    )


def _shown(views: Iterable[RunView], store: Store, cluster: str, user: Any) -> Iterator[ShownRun]:
    """Yield runs as far as Airflow lets the user read of them."""
    for view in views:
        lets = {one: airflow_lets_read(view.dag_id, one, user) for one in _ENTITIES}
        if lets[DagAccessEntity.RUN]:
            yield ShownRun(
                _readable(view, lets), may_answer(store, cluster, view.dag_id, user), view.person == user.get_name()
            )


_ENTITIES = (
    DagAccessEntity.RUN,
    DagAccessEntity.TASK_INSTANCE,
    DagAccessEntity.XCOM,
    DagAccessEntity.HITL_DETAIL,
)


def _readable(view: RunView, lets: dict[DagAccessEntity, bool]) -> RunView:
    results = view.results if lets[DagAccessEntity.XCOM] else {}
    tasks = view.tasks if lets[DagAccessEntity.TASK_INSTANCE] else ()
    questions = view.questions if lets[DagAccessEntity.HITL_DETAIL] else ()
    return replace(view, results=results, tasks=tasks, questions=questions)
