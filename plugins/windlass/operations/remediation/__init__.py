"""Repair a cluster: look, plan, act, watch, and look again, until nothing is left to do or a person is needed."""

from windlass.operations.remediation.context import Keyring, Note, RemediationContext
from windlass.operations.remediation.run import RemediationResult, heal, show_plan

__all__ = ["Keyring", "Note", "RemediationContext", "RemediationResult", "heal", "show_plan"]
