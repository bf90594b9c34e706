"""Disaster recovery: survey what is left, restore beside it, switch over, settle."""

from windlass.operations.recovery.choose import check_versions, choose_verified
from windlass.operations.recovery.context import RecoveryContext, recovery_id
from windlass.operations.recovery.restore import SnapshotSource, restore_beside, stages
from windlass.operations.recovery.settle import settle
from windlass.operations.recovery.survey import survey
from windlass.operations.recovery.switch import switch_over

__all__ = [
    "RecoveryContext",
    "SnapshotSource",
    "check_versions",
    "choose_verified",
    "recovery_id",
    "restore_beside",
    "settle",
    "stages",
    "survey",
    "switch_over",
]
