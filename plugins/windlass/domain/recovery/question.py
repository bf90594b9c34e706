"""What a person reads before approving a recovery, as Markdown: what is lost first, then what comes back."""

from __future__ import annotations

from dataclasses import dataclass

from windlass.domain.markdown import escape, first_of, section
from windlass.domain.recovery.loss import Loss
from windlass.domain.recovery.plan import LEFT_OUT, RecoveryPlan

OUTAGE = "The API is away from the switch until etcd has a leader again; the old data is kept on each host"
_HOSTS = 30
_WHERE = "(all of them: the log of the task `plan`)"


@dataclass(frozen=True)
class Question:
    """What is asked, and what there is to know for the answer."""

    cluster: str
    version: str
    """The Kubernetes release that it comes back with."""
    plan: RecoveryPlan
    loss: Loss


def render_question(question: Question) -> str:
    """Return the question as Markdown of bounded length."""
    plan, loss = question.plan, question.loss
    taken = f"the bundle was taken {loss.age} ago, at {loss.taken:%Y-%m-%d %H:%M:%S} UTC, at revision {loss.revision}"
    parts = [
        f"## Recover {escape(question.cluster)} from bundle {escape(loss.bundle)}?",
        section("What is lost", [f"**{escape(loss.lost)}**", escape(taken)]),
        section(
            "What happens",
            [
                f"Kubernetes **{escape(question.version)}** comes back on {_names(plan.hosts)}",
                escape(plan.quorum),
                OUTAGE,
            ],
        ),
        "" if plan.is_whole else section("What is left out", [f"No answer from {_names(plan.absent)}", *LEFT_OUT]),
    ]
    return "\n\n".join(part for part in parts if part)


def _names(hosts: tuple[str, ...]) -> str:
    return ", ".join(first_of([f"**{escape(host)}**" for host in hosts], _HOSTS, _WHERE))
