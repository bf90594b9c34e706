"""Disaster recovery as values: whether it may be done, with which hosts, what is lost, and which revisions follow."""

from windlass.domain.recovery.identity import is_of_one_cluster, joined_pki, version_for
from windlass.domain.recovery.loss import Loss
from windlass.domain.recovery.plan import Origin, RecoveryPlan, Survey, Wish, plan_recovery, reduced
from windlass.domain.recovery.revisions import REVISION_GAP, bump_for

__all__ = [
    "REVISION_GAP",
    "Loss",
    "Origin",
    "RecoveryPlan",
    "Survey",
    "Wish",
    "bump_for",
    "is_of_one_cluster",
    "joined_pki",
    "plan_recovery",
    "reduced",
    "version_for",
]
