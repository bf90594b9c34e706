"""What the gate says: one finding for each thing that it looked at, passing or with what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from windlass.errors import RefusedError


class GateLevel(Enum):
    """How one finding stands."""

    PASSED = "passed"
    WARNING = "warning"
    """Worth a look before approving; does not hold the upgrade up."""
    BLOCKED = "blocked"
    """The upgrade does not start; the finding says what to do."""


@dataclass(frozen=True)
class GateFinding:
    """One thing that the gate looked at."""

    name: str
    """Such as `version` or `disruption budgets`."""
    verdict: GateLevel
    text: str
    """What was found; of a passing one, what is so."""
    remedy: str = ""
    """What to do; empty for one that passed."""
    problems: tuple[str, ...] = ()
    """What the text tells, each for itself, of one that did not pass; empty where the text is one problem."""

    def __str__(self) -> str:
        what = f"{self.text}; {self.remedy}" if self.remedy else self.text
        return f"{self.verdict.value:<8} {self.name}: {what}"


@dataclass(frozen=True)
class GateReport:
    """All findings, in the order in which they were looked at."""

    findings: tuple[GateFinding, ...]

    @property
    def blocked(self) -> tuple[GateFinding, ...]:
        """Return what holds the upgrade up."""
        return tuple(finding for finding in self.findings if finding.verdict is GateLevel.BLOCKED)

    @property
    def warnings(self) -> tuple[GateFinding, ...]:
        """Return what is worth a look."""
        return tuple(finding for finding in self.findings if finding.verdict is GateLevel.WARNING)

    def refuse(self, doing: str) -> None:
        """RefusedError with everything that holds the upgrade up, unless nothing does."""
        if self.blocked:
            told = "".join(f"\n  {finding.name}: {finding.text}; {finding.remedy}" for finding in self.blocked)
            raise RefusedError(f"{doing} is refused by the gate:{told}")

    def value(self) -> list[dict[str, Any]]:
        """Return the findings as plain values, for XCom and pages."""
        return [
            {"name": one.name, "verdict": one.verdict.value, "text": one.text, "remedy": one.remedy}
            for one in self.findings
        ]

    def __str__(self) -> str:
        return "\n".join(str(finding) for finding in self.findings)


def finding(name: str, problems: Iterable[str], remedy: str, passed: str) -> GateFinding:
    """Return a finding that is blocked by any of `problems`, or passes."""
    return _finding(name, GateLevel.BLOCKED, tuple(problems), remedy, passed)


def warning(name: str, doubts: Iterable[str], remedy: str, passed: str) -> GateFinding:
    """Return a finding that warns of any of `doubts`, or passes."""
    return _finding(name, GateLevel.WARNING, tuple(doubts), remedy, passed)


def without_passed(*findings: GateFinding) -> tuple[GateFinding, ...]:
    """Return the findings that did not pass: of some only that is worth a line."""
    return tuple(one for one in findings if one.verdict is not GateLevel.PASSED)


def _finding(name: str, verdict: GateLevel, problems: tuple[str, ...], remedy: str, passed: str) -> GateFinding:
    if told := "; ".join(problems):
        return GateFinding(name, verdict, told, remedy, problems)
    return GateFinding(name, GateLevel.PASSED, passed)
