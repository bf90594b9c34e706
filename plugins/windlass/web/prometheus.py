"""The clusters as Prometheus reads them: /windlass/metrics, for whoever may see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import Request
from fastapi.responses import Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from windlass.domain.cluster_summary import Summary
from windlass.domain.metrics import Metric, Sample, by_metric, samples
from windlass.web.access import User
from windlass.web.cluster_list import visible_clusters
from windlass.web.needs import TheCatalog, TheKeys, TheStore


@dataclass(frozen=True, eq=False)
class _Read(Collector):
    """What was read for one scrape."""

    values: Mapping[Metric, Sequence[Sample]]

    def collect(self) -> Iterator[Family]:
        """Yield the metrics as the library writes them."""
        for metric, found in self.values.items():
            kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            family = kind(metric.name, metric.text, labels=metric.labels)
            for one in found:
                family.add_metric(list(one.labels), one.value)
            yield family


def show_metrics(request: Request, user: User, store: TheStore, keys: TheKeys, catalog: TheCatalog) -> Response:
    """Return the metrics of the clusters that the user may see, in the format that Prometheus asks for."""
    clusters = visible_clusters(store, user, keys)
    readable = [one for one in clusters if isinstance(one, Summary)]
    found = samples(readable, len(clusters) - len(readable), catalog, datetime.now(UTC))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Read(by_metric(found)))
    encode, kind = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(registry), headers={"Content-Type": kind})
