"""Admission webhooks: whether one refuses what a rollout does. Pure; objects are the API's own JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from windlass.domain.catalog.drivers import Drivers
from windlass.domain.rollout.disruption import Object
from windlass.domain.spec.drivers import observed_kinds
from windlass.domain.spec.models import Cluster
from windlass.domain.yamltext import parse_yaml

_GROUPS = frozenset(
    {
        "",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
    }
)
"""API groups of what a rollout, the cluster's add-ons and its controllers write: nodes, pods, leases and so on."""


@dataclass(frozen=True)
class ClosedWebhook:
    """A webhook that refuses what it is asked about while it does not answer."""

    name: str
    service: str
    """As namespace/name; empty for one that is asked by URL."""
    url: str
    groups: frozenset[str]
    """API groups that it is asked about; `*` for all."""

    def guards(self, groups: Collection[str]) -> bool:
        """Tell whether it is asked about anything of `groups`."""
        return "*" in self.groups or not self.groups.isdisjoint(groups)


@dataclass(frozen=True)
class WebhookReport:
    """What is to be said of the webhooks of a cluster."""

    blocking: tuple[str, ...]
    """Do not answer, and would refuse what the rollout does."""
    unrelated: tuple[str, ...]
    """Do not answer, and guard only what a rollout does not write."""
    by_url: tuple[str, ...]
    """Are somewhere else: whether they answer cannot be told from here."""


def needed_groups(cluster: Cluster, drivers: Drivers) -> frozenset[str]:
    """Return the API groups of which a rollout of `cluster` writes objects, those of its own manifests included."""
    documents = [one for manifest in cluster.spec.manifests for one in parse_yaml(manifest.name, manifest.content)]
    versions = [str(one.get("apiVersion", "")) for one in documents if isinstance(one, Mapping)]
    kinds = {kind.group for kind in observed_kinds(cluster, drivers)}
    return _GROUPS | kinds | {version.rpartition("/")[0] for version in versions}


def judge_webhooks(
    configurations: Iterable[Object], ready_services: Collection[str], needed: Collection[str]
) -> WebhookReport:
    """Sort the webhooks that fail closed; `ready_services` (as namespace/name) have an endpoint that is ready."""
    blocking: list[str] = []
    unrelated: list[str] = []
    by_url: list[str] = []
    for webhook in closed_webhooks(configurations):
        if webhook.url:
            what = "whatever the rollout writes" if webhook.guards(needed) else "what a rollout does not write"
            by_url.append(f"{webhook.name} (it is asked at {_shown(webhook.url)} about {what})")
        elif webhook.service not in ready_services:
            told = f"{webhook.name} (its service {webhook.service} has no endpoint)"
            (blocking if webhook.guards(needed) else unrelated).append(told)
    return WebhookReport(tuple(blocking), tuple(unrelated), tuple(by_url))


def moving_webhooks(
    configurations: Iterable[Object], ready_services: Mapping[str, frozenset[str]], batches: Iterable[Sequence[str]]
) -> Iterator[str]:
    """Yield the webhooks that fail closed and are away for a moment, since one batch drains all that they run on.

    `ready_services` has the nodes on which each service has endpoints that are ready.
    """
    drained = [frozenset(batch) for batch in batches]
    for webhook in closed_webhooks(configurations):
        nodes = ready_services.get(webhook.service, frozenset())
        if nodes and any(nodes <= batch for batch in drained):
            yield f"{webhook.name} (its service {webhook.service} runs on {' and '.join(sorted(nodes))} alone)"


def closed_webhooks(configurations: Iterable[Object]) -> Iterator[ClosedWebhook]:
    """Yield each webhook that fails closed; one whose rules are not known may be asked about everything."""
    for configuration in configurations:
        for webhook in configuration.get("webhooks", []):
            client = webhook.get("clientConfig", {})
            service, url = client.get("service"), str(client.get("url") or "")
            if webhook.get("failurePolicy", "Fail") != "Fail" or not (service or url):
                continue
            name = f"{webhook['name']} of {configuration['metadata']['name']}"
            where = f"{service['namespace']}/{service['name']}" if service else ""
            yield ClosedWebhook(name, where, url, _groups(webhook))


def _shown(url: str) -> str:
    """Leave out of a URL what may be secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"


def _groups(webhook: Object) -> frozenset[str]:
    rules = webhook.get("rules")
    if rules is None:
        return frozenset("*")
    return frozenset(group for rule in rules for group in rule.get("apiGroups", ["*"]))
