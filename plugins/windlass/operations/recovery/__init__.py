"""Disaster recovery: survey what is left, restore beside it, switch over, settle."""

from windlass.operations.recovery.choosing import check_versions, choose_verified
from windlass.operations.recovery.restoring import Source, restore_beside, stages
from windlass.operations.recovery.settling import settle
from windlass.operations.recovery.surveying import survey
from windlass.operations.recovery.switching import switch_over
from windlass.operations.recovery.work import Recovering, recovery_id

__all__ = [
    "Recovering",
    "Source",
    "check_versions",
    "choose_verified",
    "recovery_id",
    "restore_beside",
    "settle",
    "stages",
    "survey",
    "switch_over",
]
