"""What a person reads before approving a rollout, as Markdown: what the gate found, then the plan.

What needs eyes comes first and what passed last. Steps that do the same on one host after another are told as one, so
that fifty equal workers take one item. Whatever is left out says so, and where all of it is: the gate's log.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from windlass.domain.markdown import code_block, escape, first_of, item, section, shortened
from windlass.domain.rollout.gate import GateFinding, GateLevel
from windlass.domain.rollout.rollout_plan import PlannedStep, RolloutPlan, took_last
from windlass.domain.rollout.step import API_SERVER, ETCD, HOST, LABELS, PREFETCH, StepKind

_LEVELS = {GateLevel.BLOCKED: "blocks", GateLevel.WARNING: "warns", GateLevel.PASSED: "passes"}
_TITLES = {**LABELS, PREFETCH: "fetch"}
_TEXT, _PROBLEMS, _STAGES, _CHANGES, _HOSTS, _BLOCKS = 600, 6, 30, 10, 8, 20
"""How many characters of one text are shown, and how many items of each list."""
_WHERE = "(all of them: the log of the task `gate`)"


@dataclass(frozen=True)
class _Stage:
    """Steps one after another that do the same, each on hosts of its own; or a part of the hosts of one step."""

    kind: StepKind
    first: int
    last: int
    hosts: tuple[str, ...]
    changes: tuple[str, ...]
    at_once: int
    """On how many hosts it is done side by side."""
    is_whole: bool
    """Whether its step does nothing else on other hosts."""
    took: float | None
    """The seconds that the longest of such steps took last; None if none is known of."""

    def takes(self, other: _Stage) -> bool:
        """Say whether `other`, which follows, is more of the same."""
        same = (self.kind, self.changes) == (other.kind, other.changes)
        return same and self.is_whole and other.is_whole and self.kind in {ETCD, API_SERVER, HOST}


def render_question(plan: RolloutPlan, changes: Sequence[str] = ()) -> str:
    """Return the question as Markdown of bounded length; `changes` are those since a plan that was approved before."""
    findings = sorted(plan.report.findings, key=lambda one: list(_LEVELS).index(one.verdict))
    open_ones = [one for one in findings if one.verdict is not GateLevel.PASSED]
    passed = [one for one in findings if one.verdict is GateLevel.PASSED]
    stages = [_stage_item(stage) for stage in _stages(plan.steps)]
    parts = [
        f"## {_what(plan)} {escape(plan.cluster)}: {escape(plan.name)}?",
        _summary(plan),
        section("Changed since the plan that was approved", map(_text, changes)),
        section("To look at first", map(_finding_item, open_ones)),
        section("The plan", first_of(stages, _STAGES, _WHERE)),
        _differences(plan),
        section("Notes on the release", map(_text, plan.notes)),
        section("Where stacks run", first_of([_text(one) for one in plan.placement], _STAGES, _WHERE)),
        section("What passed", map(_finding_item, passed)),
    ]
    return "\n\n".join(part for part in parts if part)


def _what(plan: RolloutPlan) -> str:
    return "Change" if plan.versions[0] == plan.versions[1] else "Upgrade"


def _summary(plan: RolloutPlan) -> str:
    report, hosts = plan.report, {host for planned in plan.steps for host in planned.step.hosts}
    told = [_count(len(report.blocked), "finding") + " that blocks"] if report.blocked else []
    told += [_count(len(report.warnings), "warning") if report.warnings else "no warnings"]
    told += [f"{len(report.findings) - len(report.blocked) - len(report.warnings)} passed"]
    steps = f"{_count(len(plan.steps), 'step')} on {_count(len(hosts), 'host')}"
    gate = f"The gate: **{', '.join(told)}**. The plan: **{steps if plan.steps else 'nothing to do'}**."
    return f"{gate} The approval is for just this plan: `{plan.digest}`." if plan.steps else gate


def _differences(plan: RolloutPlan) -> str:
    """Return what differs in contents, a block for each line; equal ones are shown once, with the first host."""
    shown, remarks = plan.shown_details, {line: told for one in plan.steps for line, told in one.remarks.items()}
    lines_of = {line: (*remarks.get(line, ()), *shown.get(line, ())) for line in {**remarks, **shown}}
    told = [(line, lines) for line, lines in lines_of.items() if not lines[0].startswith("as on ")]
    blocks = [f"{escape(line)}\n\n{code_block(lines, 'diff')}" for line, lines in told[:_BLOCKS]]
    if len(told) > _BLOCKS:
        blocks.append(f"and {len(told) - _BLOCKS} more {_WHERE}")
    return "\n\n".join(["### What differs", *blocks]) if blocks else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _finding_item(finding: GateFinding) -> str:
    told = f"**{_LEVELS[finding.verdict]}** {escape(finding.name)}"
    problems = finding.problems or (finding.text,)
    remedy = [f"**What to do:** {_text(finding.remedy)}"] if finding.remedy else []
    if len(problems) == 1:
        return item(f"{told}: {_text(problems[0])}", remedy)
    return item(told, [*first_of([_text(one) for one in problems], _PROBLEMS, _WHERE), *remedy])


def _text(text: str) -> str:
    return escape(shortened(text, _TEXT))


def _stage_item(stage: _Stage) -> str:
    changes = [_text(change) for change in stage.changes]
    return item(_label(stage), first_of(changes, _CHANGES, f"changes {_WHERE}"))


def _label(stage: _Stage) -> str:
    number = f"Step {stage.first}" if stage.first == stage.last else f"Steps {stage.first} to {stage.last}"
    title, count = f"**{number}: {_TITLES[stage.kind]}**", len(stage.hosts)
    took = took_last(stage.took, each=stage.last > stage.first)
    if not stage.hosts:
        return title + took
    names = [f"**{escape(name)}**" for name in stage.hosts]
    shown = names if count <= _HOSTS else [*names[:3], "…", names[-1]]
    pace = (
        "one by one"
        if stage.at_once == 1
        else f"{stage.at_once} at a time"
        if stage.at_once < count
        else "side by side"
    )
    of = f"{count} hosts, " if count > _HOSTS else ""
    return f"{title} on {', '.join(shown)}" + (f" ({of}{pace})" if count > 1 else "") + took


def _stages(steps: Sequence[PlannedStep]) -> list[_Stage]:
    """Return the plan with neighbours that do the same as one."""
    stages: list[_Stage] = []
    for number, planned in enumerate(steps, 1):
        for stage in _parts(number, planned):
            if stages and stages[-1].takes(stage):
                took = _longer(stages[-1].took, stage.took)
                stages[-1] = replace(stages[-1], last=number, hosts=stages[-1].hosts + stage.hosts, took=took)
            else:
                stages.append(stage)
    return stages


def _longer(one: float | None, other: float | None) -> float | None:
    return max((took for took in (one, other) if took is not None), default=None)


def _parts(number: int, planned: PlannedStep) -> Iterator[_Stage]:
    """Yield a step by what it does: the hosts that it does the same on together."""
    step = planned.step
    does: dict[str, list[str]] = {host: [] for host in step.hosts}
    for line in step.does:
        host, _, change = line.partition(": ")
        if host in does:
            does[host].append(change)
        else:
            does.setdefault("", []).append(line)
    quorum = tuple(f"quorum: {told}" for told in planned.quorum)
    groups: dict[tuple[str, ...], list[str]] = {}
    for host, changes in does.items():
        restarts = planned.restarts.get(host, ())
        also = (f"restarts {', '.join(restarts)}",) if restarts else ()
        groups.setdefault(_worded(step.kind, changes) + also + quorum, []).append(host)
    for told, hosts in groups.items():
        named, is_whole = tuple(filter(None, hosts)), len(groups) == 1
        yield _Stage(step.kind, number, number, named, told, len(named), is_whole, planned.last_seconds)


def _worded(kind: StepKind, changes: Sequence[str]) -> tuple[str, ...]:
    """Return the changes of a host, an item each; what is fetched is many words of little weight, and becomes one."""
    if kind != PREFETCH:
        return tuple(changes)
    fetched = [change.removeprefix("fetch ") for change in changes]
    return (", ".join(first_of(fetched, _CHANGES, _WHERE)),)
