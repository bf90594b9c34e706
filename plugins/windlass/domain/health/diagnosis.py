"""What is wrong with an unhealthy subject: the process, the host, or the network between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from windlass.domain.health.consensus import VantageView
from windlass.domain.health.findings import HOST_COMPONENT, Kind
from windlass.domain.health.probe import HOST_ANSWERS, ProbeHistory, ProbeOutcome, Subject


@dataclass(frozen=True)
class SelfReport:
    """What the host itself says, as Airflow hears it."""

    answers: bool
    """Whether it has said anything since the trouble began."""
    history: ProbeHistory
    """What it sees of the subject at its own address; without a look since then, nothing."""


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong and with what: a host that is down is one trouble, however many components it has."""

    kind: Kind
    component: str


def diagnose(subject: Subject, agreeing: Sequence[VantageView], own: SelfReport) -> Diagnosis:
    """Return what is wrong, given the views that call `subject` unhealthy."""
    outcomes = [view.history.outcome for view in agreeing]
    if all(outcome is ProbeOutcome.TLS for outcome in outcomes):
        return Diagnosis(Kind.CERTIFICATE_INVALID, subject.component)
    if own.answers and own.history.outcome is ProbeOutcome.PASSED:
        return Diagnosis(Kind.NETWORK_CUT, subject.component)
    if any(outcome in HOST_ANSWERS for outcome in outcomes) or own.history.outcome.is_failure:
        return Diagnosis(Kind.PROCESS_DOWN, subject.component)
    if own.answers:
        return Diagnosis(Kind.NETWORK_CUT, subject.component)
    return Diagnosis(Kind.HOST_DOWN, HOST_COMPONENT)


def evidence(agreeing: Sequence[VantageView], silent: Sequence[str], own: SelfReport) -> str:
    """Return in one line who saw what; `silent` are vantage points whose word was not counted."""
    messages: dict[str, list[str]] = {}
    for view in agreeing:
        messages.setdefault(_message(view.history), []).append(view.vantage)
    parts = [f"{message} from {', '.join(names)}" for message, names in messages.items()]
    if silent:
        parts.append(f"not counted: {', '.join(silent)}")
    if not own.answers:
        parts.append("the host itself does not answer")
    elif own.history.outcome.is_sure:
        parts.append(f"the host itself: {_message(own.history)}")
    return "; ".join(parts)


def _message(history: ProbeHistory) -> str:
    return f"{history.outcome.value} ({history.detail})" if history.detail else history.outcome.value
