"""What Prometheus is told of the clusters: each metric's name, meaning and labels, and its values.

Names follow https://prometheus.io/docs/practices/naming/: base units in the name, `_total` for what only grows, times
as seconds since 1970 rather than ages, which would be those of the scrape. No label has the name of a host, a run or a
person: there are as many series as clusters have kinds of components.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from windlass.domain.bounded import moment
from windlass.domain.catalog import Catalog
from windlass.domain.cluster_summary import Summary
from windlass.domain.remediation.alerts import DRIFT
from windlass.domain.spec.overview import Standing, is_watched, standing
from windlass.errors import MALFORMED


@dataclass(frozen=True)
class Metric:
    """One metric."""

    name: str
    kind: Literal["gauge", "counter"]
    text: str
    labels: tuple[str, ...] = ("cluster",)


@dataclass(frozen=True)
class Sample:
    """One value of a metric, with the values of its labels in their order."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


def _gauge(name: str, text: str, *labels: str) -> Metric:
    return Metric(f"windlass_{name}", "gauge", text, ("cluster", *labels))


def _counter(name: str, text: str, *labels: str) -> Metric:
    return Metric(f"windlass_{name}", "counter", text, ("cluster", *labels))


CLUSTERS = Metric("windlass_clusters", "gauge", "Clusters that may be seen by whoever asks.", ())
UNREADABLE = Metric(
    "windlass_clusters_unreadable", "gauge", "Clusters of which the store has something that cannot be read.", ()
)
INFO = _gauge("cluster_info", "A cluster, its Kubernetes version and topology; always 1.", "version", "topology")
STANDING = _gauge("cluster_standing", "How a cluster is, in words: 1 for what holds, 0 for the others.", "standing")
HOSTS = _gauge("hosts", "Hosts in the spec of a cluster.")
HEARD = _gauge("hosts_heard", "Hosts that the watch hears; absent while nobody watches.")
COMPONENTS = _gauge(
    "component_instances", "Instances of a component by status; all are unknown while nobody watches.",
    "component", "status",
)  # fmt: skip
FINDINGS = _gauge("findings", "Findings of the watch that are open, by kind.", "kind")
ALERTS = _gauge("alerts", "Alerts of remediation that stand: what needs a person.")
DRIFTED = _gauge("drift_components", "Components that differ from the spec where drift is only shown.")
OBSERVED = _gauge("watch_observed_timestamp_seconds", "When the watch wrote its last observation.")
BUNDLES = _gauge("backup_bundles", "Recovery bundles in the store.")
NEWEST = _gauge("backup_newest_timestamp_seconds", "When the newest recovery bundle was taken.")
PROVEN = _gauge(
    "backup_proven_timestamp_seconds",
    "When the newest bundle that a drill has restored was taken: the recovery point that is proven.",
)
RECOVERY = _gauge("recovery_duration_seconds", "How long the drill took that restored it: the recovery time.")
CERTIFICATES = _gauge(
    "certificate_expiry_timestamp_seconds",
    "When the first of the hosts' certificates, or authorities, runs out.",
    "kind",
)
RUNNING = _gauge(
    "operation_running_since_timestamp_seconds", "Since when an operation holds the cluster's lease.", "operation"
)
LAST = _gauge("operation_last_duration_seconds", "How long the last operation of a kind took.", "operation")
ENDED = _counter("operations_total", "Operations that have ended.", "operation")
TOOK = _counter("operation_duration_seconds_total", "How long the operations that have ended took.", "operation")
UPGRADES = _gauge("upgrades_available", "Releases of the catalog that a cluster may be upgraded to.")

METRICS: Sequence[Metric] = (
    CLUSTERS, UNREADABLE, INFO, STANDING, HOSTS, HEARD, COMPONENTS, FINDINGS, ALERTS, DRIFTED, OBSERVED, BUNDLES,
    NEWEST, PROVEN, RECOVERY, CERTIFICATES, RUNNING, LAST, ENDED, TOOK, UPGRADES,
)  # fmt: skip


def samples(clusters: Sequence[Summary], unreadable: int, catalog: Catalog, now: datetime) -> Iterator[Sample]:
    """Yield the values of all metrics; what is not known has none, rather than a wrong one."""
    yield Sample(CLUSTERS, (), len(clusters) + unreadable)
    yield Sample(UNREADABLE, (), unreadable)
    for one in clusters:
        for metric, labels, value in _of_cluster(one, catalog, now):
            yield Sample(metric, (one.name, *labels), value)


_Value = tuple[Metric, tuple[str, ...], float]


def _of_cluster(one: Summary, catalog: Catalog, now: datetime) -> Iterator[_Value]:
    yield INFO, (one.version, one.topology), 1
    current = standing(one, now)
    for word in get_args(Standing):
        yield STANDING, (word,), float(word == current)
    yield HOSTS, (), len(one.hosts)
    yield ALERTS, (), sum(not key.startswith(DRIFT) for key in one.alerts)
    yield DRIFTED, (), sum(key.startswith(DRIFT) for key in one.alerts)
    yield UPGRADES, (), len(catalog.upgrades_of(one.version)) if one.version in catalog.versions else 0
    yield from _of_watch(one.status, now)
    yield from _of_backups(one)
    yield from _of_operations(one)


def _of_watch(status: Mapping[str, Any], now: datetime) -> Iterator[_Value]:
    if not status:
        return
    is_fresh = is_watched(status, now)
    yield from _time(OBSERVED, (), status.get("observed"))
    instances: Counter[tuple[str, str]] = Counter()
    for subject in status.get("subjects", ()):
        component = str(subject["component"])
        instances[component, "healthy"] += 0  # so that it goes to 0 where all are not, rather than away
        instances[component, str(subject["status"]) if is_fresh else "unknown"] += 1
    yield from ((COMPONENTS, key, count) for key, count in instances.items())
    kinds = Counter(str(finding.get("kind")) for finding in status.get("findings", ()))
    yield from ((FINDINGS, (kind,), count) for kind, count in kinds.items())
    if is_fresh:
        yield HEARD, (), sum(bool(heard) for heard in status.get("hosts", {}).values())
    ends: dict[str, list[str]] = {}
    for certificate in status.get("certificates", ()):
        ends.setdefault(str(certificate["kind"]), []).append(str(certificate["until"]))
    for kind, times in ends.items():
        yield from _time(CERTIFICATES, (kind,), min(times, key=moment))


def _of_backups(one: Summary) -> Iterator[_Value]:
    backups = one.backups
    yield BUNDLES, (), backups.count
    if backups.newest is not None:
        yield NEWEST, (), backups.newest.time.timestamp()
    if backups.proven is not None:
        yield PROVEN, (), backups.proven.time.timestamp()
    if backups.recovery_seconds is not None:
        yield RECOVERY, (), backups.recovery_seconds


def _of_operations(one: Summary) -> Iterator[_Value]:
    if one.lease is not None:
        yield RUNNING, (one.lease.operation,), one.lease.acquired.timestamp()
    for operation, times in one.operations.items():
        yield ENDED, (operation,), times.count
        yield TOOK, (operation,), times.seconds
        yield LAST, (operation,), times.last_seconds


def _time(metric: Metric, labels: tuple[str, ...], text: Any) -> Iterator[_Value]:
    try:
        yield metric, labels, moment(text).timestamp()
    except MALFORMED:
        return


def by_metric(values: Iterable[Sample]) -> Mapping[Metric, Sequence[Sample]]:
    """Return the samples of each metric together, as the format wants them; a metric without samples has none."""
    found: dict[Metric, list[Sample]] = {metric: [] for metric in METRICS}
    for one in values:
        found[one.metric].append(one)
    return found
