"""Recovery bundles: what they are made of, which are kept, which is used, and what proves them; all of it pure."""

from windlass.domain.backup.choice import NEWEST, NEWEST_PROVEN, BundleTrust, Candidate, choose
from windlass.domain.backup.content import DatabaseContent, read_content
from windlass.domain.backup.continuity import broken_off, life_of, revision_lost
from windlass.domain.backup.drills import Comparison, DrillRecord, bundle_of_drill, drill_id, parse_drill
from windlass.domain.backup.ids import BundleId
from windlass.domain.backup.manifest import (
    MANIFEST,
    PARTS,
    SNAPSHOT,
    STATE,
    BundleManifest,
    Content,
    EtcdRecord,
    MemberRecord,
    Part,
    parse_manifest,
)
from windlass.domain.backup.retention import RetentionInputs, expired, keep
from windlass.domain.backup.source import snapshot_source
from windlass.domain.backup.state import BundleState

__all__ = [
    "MANIFEST",
    "NEWEST",
    "NEWEST_PROVEN",
    "PARTS",
    "SNAPSHOT",
    "STATE",
    "BundleId",
    "BundleManifest",
    "BundleState",
    "BundleTrust",
    "Candidate",
    "Comparison",
    "Content",
    "DatabaseContent",
    "DrillRecord",
    "EtcdRecord",
    "MemberRecord",
    "Part",
    "RetentionInputs",
    "broken_off",
    "bundle_of_drill",
    "choose",
    "drill_id",
    "expired",
    "keep",
    "life_of",
    "parse_drill",
    "parse_manifest",
    "read_content",
    "revision_lost",
    "snapshot_source",
]
