"""Disaster recovery: survey what is left, restore beside it, switch over, settle."""

from windlass.operations.recovery.restoring import restore_beside
from windlass.operations.recovery.settling import settle
from windlass.operations.recovery.surveying import survey
from windlass.operations.recovery.switching import switch_over
from windlass.operations.recovery.work import Recovering, recovery_id

__all__ = ["Recovering", "recovery_id", "restore_beside", "settle", "survey", "switch_over"]
