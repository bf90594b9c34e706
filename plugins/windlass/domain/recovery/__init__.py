"""Disaster recovery as values: whether it may be done, with which hosts, what is lost, and which revisions follow."""

from windlass.domain.recovery.identity import is_of_one_cluster, joined_pki, version_for
from windlass.domain.recovery.loss import DataLoss
from windlass.domain.recovery.plan import RecoveryPlan, RecoveryRequest, plan_recovery, reduced
from windlass.domain.recovery.revisions import REVISION_GAP, bump_for
from windlass.domain.recovery.survey import BundleOrigin, Survey

__all__ = [
    "REVISION_GAP",
    "BundleOrigin",
    "DataLoss",
    "RecoveryPlan",
    "RecoveryRequest",
    "Survey",
    "bump_for",
    "is_of_one_cluster",
    "joined_pki",
    "plan_recovery",
    "reduced",
    "version_for",
]
