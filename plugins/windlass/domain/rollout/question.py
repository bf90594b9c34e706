"""What a person reads before approving a rollout, as Markdown: what the gate found, then the plan.

What needs eyes comes first and what passed last. Steps that do the same on one host after another are told as one, so
that fifty equal workers take one item. Whatever is left out says so, and where all of it is: the gate's log.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from windlass.domain.etcd.quorum import Membership, Stop, what_if
from windlass.domain.markdown import escape, first_of, item, section, shortened
from windlass.domain.rollout.gate import GateFinding, GateLevel, GateReport
from windlass.domain.rollout.plan import API_SERVER, ETCD, HOST, LABELS, PREFETCH, Step, StepKind

_LEVELS = {GateLevel.BLOCKED: "blocks", GateLevel.WARNING: "warns", GateLevel.PASSED: "passes"}
_TITLES = {**LABELS, PREFETCH: "fetch"}
_TEXT, _PROBLEMS, _STAGES, _CHANGES, _HOSTS = 600, 6, 30, 10, 8
"""How many characters of one text are shown, and how many items of each list."""
_WHERE = "(all of them: the log of the task `gate`)"


@dataclass(frozen=True)
class RolloutQuestion:
    """What is asked, and what there is to know for the answer."""

    cluster: str
    upgrade_path: str
    """From where to where, such as `v1.36.3 -> v1.37.2`."""
    report: GateReport
    steps: tuple[Step, ...]
    membership: Membership
    """The members of etcd as they were seen."""
    notes: tuple[str, ...] = ()
    """What the catalog says of the release."""


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

    def takes(self, other: _Stage) -> bool:
        """Say whether `other`, which follows, is more of the same."""
        same = (self.kind, self.changes) == (other.kind, other.changes)
        return same and self.is_whole and other.is_whole and self.kind in {ETCD, API_SERVER, HOST}


def render_question(question: RolloutQuestion) -> str:
    """Return the question as Markdown of bounded length."""
    findings = sorted(question.report.findings, key=lambda one: list(_LEVELS).index(one.verdict))
    open_ones = [one for one in findings if one.verdict is not GateLevel.PASSED]
    passed = [one for one in findings if one.verdict is GateLevel.PASSED]
    stages = _stages(question.steps, question.membership)
    plan = [_stage_item(stage) for stage in stages]
    parts = [
        f"## Upgrade {escape(question.cluster)}: {escape(question.upgrade_path)}?",
        _summary(question),
        section("To look at first", map(_finding_item, open_ones)),
        section("The plan", first_of(plan, _STAGES, _WHERE)),
        section("Notes on the release", map(_text, question.notes)),
        section("What passed", map(_finding_item, passed)),
    ]
    return "\n\n".join(part for part in parts if part)


def _summary(question: RolloutQuestion) -> str:
    report, hosts = question.report, {host for step in question.steps for host in step.hosts}
    told = [_count(len(report.blocked), "finding") + " that blocks"] if report.blocked else []
    told += [_count(len(report.warnings), "warning") if report.warnings else "no warnings"]
    told += [f"{len(report.findings) - len(report.blocked) - len(report.warnings)} passed"]
    plan = f"{_count(len(question.steps), 'step')} on {_count(len(hosts), 'host')}"
    return f"The gate: **{', '.join(told)}**. The plan: **{plan if question.steps else 'nothing to do'}**."


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
    if not stage.hosts:
        return title
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
    return f"{title} on {', '.join(shown)}" + (f" ({of}{pace})" if count > 1 else "")


def _stages(steps: Sequence[Step], membership: Membership) -> list[_Stage]:
    """Return the plan with neighbours that do the same as one."""
    stages: list[_Stage] = []
    for number, step in enumerate(steps, 1):
        for stage in _parts(number, step, membership):
            if stages and stages[-1].takes(stage):
                stages[-1] = replace(stages[-1], last=number, hosts=stages[-1].hosts + stage.hosts)
            else:
                stages.append(stage)
    return stages


def _parts(number: int, step: Step, membership: Membership) -> Iterator[_Stage]:
    """Yield a step by what it does: the hosts that it does the same on together."""
    does: dict[str, list[str]] = {host: [] for host in step.hosts}
    for line in step.does:
        host, _, change = line.partition(": ")
        if host in does:
            does[host].append(change)
        else:
            does.setdefault("", []).append(line)
    quorum = tuple(f"quorum: {told}" for told in quorum_after(membership, step))
    groups: dict[tuple[str, ...], list[str]] = {}
    for host, changes in does.items():
        groups.setdefault(_worded(step.kind, changes) + quorum, []).append(host)
    for told, hosts in groups.items():
        named = tuple(filter(None, hosts))
        yield _Stage(step.kind, number, number, named, told, len(named), is_whole=len(groups) == 1)


def _worded(kind: StepKind, changes: Sequence[str]) -> tuple[str, ...]:
    """Return the changes of a host, an item each; what is fetched is many words of little weight, and becomes one."""
    if kind != PREFETCH:
        return tuple(changes)
    fetched = [change.removeprefix("fetch ") for change in changes]
    return (", ".join(first_of(fetched, _CHANGES, _WHERE)),)


def quorum_after(membership: Membership, step: Step) -> list[str]:
    """Return what a step does to etcd's quorum, for each member that it touches."""
    touched = [member for member in membership.members if step.kind == ETCD and member.name in step.hosts]
    return [str(what_if(membership, Stop(member))) for member in touched]
