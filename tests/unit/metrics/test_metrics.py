"""What Prometheus is told of clusters is what is known of them, in names that follow its rules."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from windlass.domain.backup.ids import BundleId
from windlass.domain.cluster_summary import BackupLine, HostLine, OperationTimes, Summary
from windlass.domain.lease import Owner, grant
from windlass.domain.metrics import METRICS, by_metric, samples
from windlass.domain.spec.access import AccessSection
from windlass.effects.catalog import load_catalog

ROOT = Path(__file__).resolve().parents[3]
CATALOG = load_catalog(ROOT / "include" / "templates" / "kubernetes")
VERSION = min(CATALOG.versions)
NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
TAKEN = NOW - timedelta(minutes=10)
DAY = 86400.0


def subject(host: str, component: str, status: str) -> dict[str, Any]:
    return {"host": host, "component": component, "status": status}


STATUS = {
    "observed": (NOW - timedelta(seconds=30)).isoformat(),
    "hosts": {"cp-1": True, "cp-2": False},
    "subjects": [
        subject("cp-1", "etcd", "healthy"),
        subject("cp-2", "etcd", "unhealthy"),
        subject("", "dns", "unknown"),
    ],
    "findings": [{"kind": "unit_down"}, {"kind": "unit_down"}],
    "certificates": [
        {"host": "cp-1", "kind": "certificates", "until": (NOW + timedelta(days=40)).isoformat()},
        {"host": "cp-2", "kind": "certificates", "until": (NOW + timedelta(days=30)).isoformat()},
        {"host": "cp-2", "kind": "authorities", "until": (NOW + timedelta(days=900)).isoformat()},
    ],
}
FULL = Summary(
    name="demo",
    version=VERSION,
    topology="separate planes",
    hosts=(HostLine("cp-1", "192.0.2.1", ("etcd",)), HostLine("cp-2", "192.0.2.2", ("etcd",))),
    access=AccessSection(),
    is_created=True,
    status=STATUS,
    lease=grant(Owner("apply_cluster", "r"), "apply_cluster", NOW - timedelta(hours=1)),
    alerts={"cp-2/etcd": "in vain", "drift cp-1/etcd": "drift, only shown"},
    backups=BackupLine(
        3, BundleId.parse(f"{TAKEN:%Y%m%dT%H%M%SZ}-r20"), BundleId.parse(f"{TAKEN:%Y%m%dT%H%M%SZ}-r20"), 42.5
    ),
    operations={"etcd_backup": OperationTimes(4, 20.0, 6.0)},
)
EMPTY = replace(
    FULL, name="new", is_created=False, status={}, lease=None, alerts={}, backups=BackupLine(), operations={}
)


def values(*clusters: Summary, unreadable: int = 0, now: datetime = NOW) -> dict[tuple[str, ...], float]:
    found = list(samples(clusters, unreadable, CATALOG, now))
    keys = [(one.metric.name.removeprefix("windlass_"), *one.labels) for one in found]
    assert len(set(keys)) == len(keys), "each series has one value"
    return {key: one.value for key, one in zip(keys, found, strict=True)}


def test_what_is_known_is_told() -> None:
    told = values(FULL, unreadable=2)
    assert told["clusters",] == 3
    assert told["clusters_unreadable",] == 2
    assert told["cluster_info", "demo", VERSION, "separate planes"] == 1
    assert (told["hosts", "demo"], told["hosts_heard", "demo"]) == (2, 1)
    assert told["component_instances", "demo", "etcd", "healthy"] == 1
    assert told["component_instances", "demo", "etcd", "unhealthy"] == 1
    assert told["component_instances", "demo", "dns", "unknown"] == 1
    assert told["component_instances", "demo", "dns", "healthy"] == 0
    assert told["findings", "demo", "unit_down"] == 2
    assert (told["alerts", "demo"], told["drift_components", "demo"]) == (1, 1)
    assert NOW.timestamp() - told["watch_observed_timestamp_seconds", "demo"] == 30
    assert told["backup_newest_timestamp_seconds", "demo"] == TAKEN.timestamp()
    assert told["backup_proven_timestamp_seconds", "demo"] == TAKEN.timestamp()
    assert told["recovery_duration_seconds", "demo"] == 42.5
    assert told["certificate_expiry_timestamp_seconds", "demo", "certificates"] - NOW.timestamp() == 30 * DAY
    assert told["certificate_expiry_timestamp_seconds", "demo", "authorities"] - NOW.timestamp() == 900 * DAY
    assert NOW.timestamp() - told["operation_running_since_timestamp_seconds", "demo", "apply_cluster"] == 3600
    assert told["operations_total", "demo", "etcd_backup"] == 4
    assert told["operation_duration_seconds_total", "demo", "etcd_backup"] == 20
    assert told["upgrades_available", "demo"] == len(CATALOG.upgrades_of(VERSION))


def test_one_standing_holds_at_a_time() -> None:
    told = values(FULL)
    standings = {key[2]: value for key, value in told.items() if key[0] == "cluster_standing"}
    assert (standings["needs help"], sum(standings.values())) == (1, 1)


def test_what_is_not_known_has_no_value() -> None:
    told = values(EMPTY)
    assert told["cluster_standing", "new", "being created"] == 1
    unknown = (
        "watch",
        "backup_newest",
        "backup_proven",
        "recovery",
        "certificate",
        "component",
        "hosts_heard",
        "operation",
    )
    assert [key for key in told if key[0].startswith(unknown)] == []


def test_what_was_observed_long_ago_is_unknown() -> None:
    told = values(FULL, now=NOW + timedelta(hours=1))
    assert told["component_instances", "demo", "etcd", "unknown"] == 2
    assert told["component_instances", "demo", "etcd", "healthy"] == 0
    assert ("component_instances", "demo", "etcd", "unhealthy") not in told
    assert ("hosts_heard", "demo") not in told


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_follow_the_rules_of_prometheus(metric: Any) -> None:
    assert re.fullmatch(r"windlass_[a-z]+(_[a-z]+)*", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert not re.search(r"_(days|hours|minutes|ms|milliseconds|age)\b", metric.name)
    assert not {"host", "run_id", "user"} & set(metric.labels)
    assert metric.text[0].isupper()
    assert metric.text.endswith(".")


def test_every_metric_is_made() -> None:
    made = {one.metric.name for one in samples((FULL,), 0, CATALOG, NOW)}
    assert made == {metric.name for metric in METRICS}
    assert list(by_metric(samples((FULL,), 0, CATALOG, NOW))) == list(METRICS)


def test_there_are_as_many_series_as_kinds_of_things_and_not_as_hosts_are() -> None:
    many = replace(
        FULL,
        hosts=tuple(HostLine(f"w-{number}", "192.0.2.1", ("worker",)) for number in range(1000)),
        status={**STATUS, "subjects": [subject(f"w-{number}", "api-proxy", "healthy") for number in range(1000)]},
    )
    assert len(list(samples((many,), 0, CATALOG, NOW))) < 40
