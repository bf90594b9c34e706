"""One control of the benchmark, and how it is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from windlass.domain.hardening.api_checks import ApiCheck
from windlass.domain.hardening.facts import ApiAudit, HostAudit, NotToldError
from windlass.domain.hardening.host_checks import HostCheck
from windlass.domain.spec.models import Host

Scope = Literal["etcd", "control-plane", "node", "any"]
"""Which hosts a control is about: by role, every node, or every host."""
_Look = Callable[[], Iterator[str]]


class Outcome(Enum):
    """How a control stands."""

    PASS = "pass"  # noqa: S105 - not a password
    EXPLAINED = "explained"
    """It is not met, or no machine can tell, and docs/hardening.md says why that is so."""
    FAIL = "fail"
    UNKNOWN = "unknown"
    """Nobody could find out."""

    @property
    def is_good(self) -> bool:
        """Whether nothing is to be done about it."""
        return self in {Outcome.PASS, Outcome.EXPLAINED}


@dataclass(frozen=True)
class Verdict:
    """How one control stands on one host, or in the API."""

    outcome: Outcome
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Control:
    """One control: its number in the benchmark, and in our own words what it asks for."""

    id: str
    title: str
    scope: Scope = "any"
    host: HostCheck | None = None
    api: ApiCheck | None = None
    """Without either check it is about what people do, and `reason` says what Windlass does for that."""
    reason: str = ""
    """Why it is not met, or not by everybody; empty if it must be."""
    holds: HostCheck | None = None
    """What must be so for the reason to count; None where it always does."""

    def concerns(self, host: Host) -> bool:
        """Tell whether the control is about a host."""
        return self.scope == "any" or (host.is_node if self.scope == "node" else self.scope in host.roles)

    def judge_host(self, audit: HostAudit) -> Verdict:
        """Return how the control stands on a host."""
        return self._judge(lambda: self.host(audit) if self.host else iter(()), audit)

    def judge_api(self, audit: ApiAudit | None, why: str = "") -> Verdict:
        """Return how the control stands in the API; without an answer of it `why`."""
        if audit is None:
            return Verdict(Outcome.UNKNOWN, (why,))
        return self._judge(lambda: self.api(audit) if self.api else iter(()), None)

    def _judge(self, look: _Look, audit: HostAudit | None) -> Verdict:
        try:
            problems = tuple(look())
            if not problems:
                return Verdict(Outcome.PASS)
            others = tuple(self.holds(audit)) if self.holds and audit else ()
        except NotToldError as error:
            return Verdict(Outcome.UNKNOWN, (str(error),))
        is_explained = bool(self.reason) and not others
        return Verdict(Outcome.EXPLAINED if is_explained else Outcome.FAIL, problems + others)
