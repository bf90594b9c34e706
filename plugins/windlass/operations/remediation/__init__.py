"""Repair a cluster: look, plan, act, watch, and look again, until nothing is left to do or a person is needed."""

from windlass.operations.remediation.context import Healing, Keyring, Note
from windlass.operations.remediation.run import Outcome, heal, show_plan

__all__ = ["Healing", "Keyring", "Note", "Outcome", "heal", "show_plan"]
