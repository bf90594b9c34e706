"""Repair a cluster: look, plan, act, watch, and look again, until nothing is left to do or a person is needed."""

from windlass.operations.healing.healing import Outcome, heal, show_plan
from windlass.operations.healing.work import Healing, Keyring, Note

__all__ = ["Healing", "Keyring", "Note", "Outcome", "heal", "show_plan"]
