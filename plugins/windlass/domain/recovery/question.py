"""What a person reads before approving a recovery, as Markdown: what is lost first, then what comes back."""

from __future__ import annotations

from dataclasses import dataclass

from windlass.domain.markdown import escape, first_of, section
from windlass.domain.recovery.loss import DataLoss
from windlass.domain.recovery.plan import LEFT_OUT, RecoveryPlan

OUTAGE = "The API is away from the switch until etcd has a leader again; the old data is kept on each host"
_HOSTS = 30
_WHERE = "(all of them: the log of the task `plan`)"


@dataclass(frozen=True)
class RecoveryQuestion:
    """What is asked, and what there is to know for the answer."""

    cluster: str
    version: str
    """The Kubernetes release that it comes back with."""
    plan: RecoveryPlan
    loss: DataLoss


def render_question(question: RecoveryQuestion) -> str:
    """Return the question as Markdown of bounded length."""
    plan, loss = question.plan, question.loss
    comes_back = f"Kubernetes **{escape(question.version)}** comes back on {_names(plan.hosts)}"
    left_out = [] if plan.is_whole else [f"No answer from {_names(plan.absent)}", *map(escape, LEFT_OUT)]
    parts = [
        f"## Recover {escape(question.cluster)} from bundle {escape(loss.bundle)}?",
        section("What is lost", _lost(loss)),
        section("What happens", [comes_back, escape(plan.quorum), OUTAGE]),
        section("What is left out", left_out),
    ]
    return "\n\n".join(part for part in parts if part)


def plan_text(question: RecoveryQuestion) -> str:
    """Return all of it for the log."""
    plan = question.plan
    comes_back = f"cluster `{question.cluster}`, Kubernetes {question.version}, comes back on {', '.join(plan.hosts)}"
    return f"{comes_back}\n{question.loss}\n{plan}\n{OUTAGE}"


def _lost(loss: DataLoss) -> list[str]:
    bundle = f"The bundle was taken {loss.age} ago, at {loss.taken:%Y-%m-%d %H:%M:%S} UTC, at revision {loss.revision}"
    if loss.revisions is None:
        return ["**Whatever was written since the bundle**; how much, nothing tells: no live data can be read", bundle]
    count = "Nothing" if not loss.revisions else f"{loss.revisions} revision{'' if loss.revisions == 1 else 's'}"
    return [f"**{count}**: a member still tells revision {loss.live_revision}", bundle]


def _names(hosts: tuple[str, ...]) -> str:
    return ", ".join(first_of([f"**{escape(host)}**" for host in hosts], _HOSTS, _WHERE))
