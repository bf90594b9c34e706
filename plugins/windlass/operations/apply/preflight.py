"""Look at every host, tell every problem of all of them at once, and plan; nothing is changed yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from windlass.domain.apply.fixed_point import is_applied
from windlass.domain.host.artifact_fit import check_artifacts
from windlass.domain.host.driver_fit import check_drivers_fit
from windlass.domain.host.preflight import check_hosts, refuse
from windlass.operations.apply.gather_facts import ask_hosts
from windlass.operations.apply.lacking_modules import lacking_modules
from windlass.operations.apply.plan import plan_apply, plan_text
from windlass.operations.apply.taken_addresses import taken_addresses
from windlass.operations.apply.validate import refuse_change_of_running
from windlass.operations.cluster import Changes
from windlass.operations.run import ClusterRun


@dataclass(frozen=True)
class ApplyPlan:
    """What is to be done on each host."""

    steps: Mapping[str, Changes]
    text: str
    is_settled: bool
    """Whether nothing is left to do."""


def preflight(run: ClusterRun, spec: str | None, *, plan_only: bool = False) -> ApplyPlan:
    """Return the plan; RefusedError lists every problem of every host, or that the cluster runs."""
    cluster = run.desired(spec)
    with run.session(cluster) as session:
        answers = ask_hosts(session)
        taken = taken_addresses(run, cluster)
        found = check_hosts(cluster, answers, taken, brings_engine=session.mirror.brings_engine)
        source = (session.lock, session.mirror)
        facts = {name: answer.facts for name, answer in answers.items() if answer.facts is not None}
        lacking = lacking_modules(session, [host for host in session.hosts if host.name in facts])
        found += check_drivers_fit(cluster, session.release.drivers, facts, lacking)
        refuse([*found, *check_artifacts(cluster, session.release, source, answers)])
        for name, one in facts.items():
            run.records.check_host(name, one.store_marks)
        plan = plan_apply(session, facts, run.records.pki(run.keys))
    is_created = run.records.created() is not None
    if is_created and not plan_only:
        refuse_change_of_running(run, [f"{host}: {step}" for host, steps in plan.items() for step in steps])
    is_settled = is_applied(plan, run.stored(), cluster, is_created=is_created)
    return ApplyPlan(plan, plan_text(cluster, plan), is_settled)
