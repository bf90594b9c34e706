"""A manifest as a backup of the demo cluster writes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from windlass.domain.backup import BundleId, BundleManifest, Content, EtcdRecord, MemberRecord, Part
from windlass.domain.sealing import MasterKeys, new_master_key

TAKEN = datetime(2026, 11, 23, 7, 45, tzinfo=UTC)
BUNDLE = BundleId.of(TAKEN, 1042)


def part(**changed: Any) -> Part:
    values = {"sealed_bytes": 9, "sealed_sha256": "aa", "clear_bytes": 7, "clear_sha256": "bb", "compression": "zlib"}
    return Part.model_validate({**values, **changed})


def manifest(**changed: Any) -> BundleManifest:
    members = (
        MemberRecord(name="cp-1", id="8e9e05c52164694d", peer_urls=("https://192.0.2.1:2380",), is_learner=False),
    )
    values = {
        "cluster": "demo",
        "id": str(BUNDLE),
        "started": TAKEN,
        "finished": TAKEN + timedelta(seconds=3),
        "by": "etcd_backup (run one)",
        "etcd": EtcdRecord(
            cluster_id="cdf818194e3a8c32", version="3.7.3", members=members, source="cp-1", source_is_leader=False
        ),
        "content": Content(revision=1042, compact_revision=0, entries=1500, hash=4000000000, keys=400),
        "kubernetes_version": "v1.37.2",
        "namespaces": {"default": "0f0c2b0e-5a51-4d9b-8d2f-9a1d3e1b7a11"},
        "nodes": {"cp-1": "b7a5c0fe-3f3f-4a0e-8a52-0d1f1a2b3c4d"},
        "images": {"etcd": "sha256:" + "0" * 64},
        "parts": {"snapshot.sealed": part(), "state.sealed": part()},
    }
    return BundleManifest.model_validate({**values, **changed})


def new_keys(*others: str) -> MasterKeys:
    return MasterKeys.parse(",".join([new_master_key().reveal(), *others]))
