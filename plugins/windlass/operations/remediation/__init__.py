"""Remediate a cluster: observe, plan, act, and observe again, until nothing is left to do or an operator is needed."""

from windlass.domain.remediation.notes import Note
from windlass.domain.remediation.state import RunStart
from windlass.domain.remediation.summary import RemediationResult
from windlass.operations.remediation.context import Keyring, RemediationContext, RunCallbacks
from windlass.operations.remediation.operation import Remediation, Surroundings
from windlass.operations.remediation.run import remediate, show_plan

__all__ = [
    "Keyring",
    "Note",
    "Remediation",
    "RemediationContext",
    "RemediationResult",
    "RunCallbacks",
    "RunStart",
    "Surroundings",
    "remediate",
    "show_plan",
]
