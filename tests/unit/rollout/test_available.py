from __future__ import annotations

from pathlib import Path

from windlass.domain.rollout.available import available_upgrades
from windlass.effects.catalog import load_catalog

CATALOG = load_catalog(Path(__file__).parents[3] / "include" / "templates" / "kubernetes")


def test_a_newer_tested_release_is_offered_with_what_changes() -> None:
    (offer,) = available_upgrades(CATALOG, "v1.36.3", {"v1.37.2": "tested"})

    assert offer.version == "v1.37.2"
    assert offer.parts == ("etcd v3.6.16 -> v3.7.3",)
    assert "storage.k8s.io/v1beta1 (VolumeAttributesClass)" in offer.removed
    assert offer.text.startswith("Kubernetes v1.37.2 is in the catalog; etcd v3.6.16 -> v3.7.3; it no longer serves")
    assert offer.text.endswith("trigger `upgrade_cluster` with version v1.37.2")


def test_what_is_untested_or_no_step_away_is_not_offered() -> None:
    assert available_upgrades(CATALOG, "v1.36.3", {}) == ()
    assert available_upgrades(CATALOG, "v1.36.3", {"v1.37.2": "failed"}) == ()
    assert available_upgrades(CATALOG, "v1.37.2", {"v1.37.2": "tested", "v1.36.3": "tested"}) == ()
    assert available_upgrades(CATALOG, "v1.20.0", {"v1.37.2": "tested"}) == ()
