"""What cannot be changed on a running cluster, why, and what to do instead; hosts and roles may come and go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from windlass.domain.catalog.drivers import Drivers
from windlass.domain.spec import Cluster, diff_clusters
from windlass.domain.spec.drivers import fixed_answers
from windlass.domain.spec.flags import etcd_prefix, service_account_issuers
from windlass.domain.spec.models import Host
from windlass.domain.spec.problem import Path
from windlass.domain.spec.provider_settings import SETTINGS
from windlass.errors import RefusedError
from windlass.operation_names import Operation

_NEW_CLUSTER = "make a new cluster for that, and move to it what runs in this one"
_FIXED_SETTINGS: Mapping[Path, tuple[str, str]] = {
    ("metadata", "name"): ("hosts, certificates, records and backups carry it", _NEW_CLUSTER),
    ("spec", "network", "driver"): (
        "pods keep the network that they were started with, and nodes with one cannot reach pods of the other",
        _NEW_CLUSTER,
    ),
    ("spec", "network", "clusterDomain"): ("running pods and the accounts' tokens keep the old one", _NEW_CLUSTER),
    ("spec", "network", "nodeMask"): ("nodes keep their ranges", _NEW_CLUSTER),
    ("spec", "network", "nodeMaskIpv6"): ("nodes keep their ranges", _NEW_CLUSTER),
    ("spec", "network", "mtu"): (
        "running pods and the interfaces of the pods' network keep the old one",
        _NEW_CLUSTER,
    ),
}
"""Reason and way out, by the path of a setting."""


def refuse_what_no_rollout_changes(before: Cluster, after: Cluster, drivers: Drivers) -> None:
    """RefusedError that names every change that no rollout brings about, each with its reason and the way out."""
    told = [text for rule in _RULES for text in rule(before, after)]
    told += [f"{change} ({why}: {_NEW_CLUSTER})" for change, why in fixed_answers(before, after, drivers)]
    if told:
        raise RefusedError(
            f"{after.name}: a rollout cannot change this: {'; '.join(told)}. Nothing was changed; put it back into the "
            "spec"
        )


def _settings(before: Cluster, after: Cluster) -> Iterator[str]:
    for change in diff_clusters(before, after):
        if change.path in _FIXED_SETTINGS:
            reason, way_out = _FIXED_SETTINGS[change.path]
            yield f"{change} ({reason}: {way_out})"


def _ranges(before: Cluster, after: Cluster) -> Iterator[str]:
    """Compare what the ranges are, whichever of the two settings says it."""
    old, new = before.spec.network, after.spec.network
    if old.pod_ranges != new.pod_ranges:
        yield _range_change("podCidr", old.pod_ranges, new.pod_ranges, "nodes and pods keep their addresses")
    if old.service_ranges != new.service_ranges:
        why = "services and the API's certificates keep their addresses"
        yield _range_change("serviceCidr", old.service_ranges, new.service_ranges, why)


def _range_change(setting: str, old: Sequence[str], new: Sequence[str], why: str) -> str:
    return f"spec.network.{setting}: {', '.join(old)} -> {', '.join(new)} ({why}: {_NEW_CLUSTER})"


def _etcd_prefix(before: Cluster, after: Cluster) -> Iterator[str]:
    old, new = etcd_prefix(before), etcd_prefix(after)
    if old != new:
        yield (
            f'spec.components.kube-apiserver.extraArgs["etcd-prefix"]: {old} -> {new} (API servers would find none of '
            f"the objects that lie below {old}: {_NEW_CLUSTER})"
        )


def _service_account_issuer(before: Cluster, after: Cluster) -> Iterator[str]:
    """Keep tokens good for all API servers: each signs as the first issuer of its list, and accepts those of all in it.

    While a rollout is under way some have the old list and some the new one.
    """
    old, new = list(service_account_issuers(before)), list(service_account_issuers(after))
    if old == new or (old[0] in new and new[0] in old):
        return
    lacking = f"tokens of pods that `{old[0]}` signed would be refused" if old[0] not in new else ""
    early = f"API servers that are not changed yet refuse tokens of `{new[0]}`" if new[0] not in old else ""
    yield (
        f'spec.components.kube-apiserver.extraArgs["service-account-issuer"]: {old} -> {new} '
        f"({lacking or early}: give {[old[0], new[0]]} in a first apply, {[new[0], old[0]]} in a second one, and drop "
        f"`{old[0]}` once every pod has a new token, an hour later)"
    )


def _addresses(before: Cluster, after: Cluster) -> Iterator[str]:
    """Hosts that stay keep their addresses, and a machine that leaves is not to join again in the same rollout."""
    old, new = _hosts(before), _hosts(after)
    for name in new.keys() & old.keys():
        had, has = old[name].node_addresses, new[name].node_addresses
        if had != has:
            change = f"spec.hosts.members.{name}.{_address_key(new[name])}: {', '.join(had)} -> {', '.join(has)}"
            yield (
                f"{change} (members of etcd, nodes and certificates keep the old one: give the other machine another "
                "name, or take the host out in one apply and put it back with its new address in the next; where all "
                f"addresses changed at once, trigger `{Operation.RECOVER}` with the new spec)"
            )
    leaving = {address: name for name, host in old.items() if name not in new for address in host.own_addresses}
    for name, host in new.items():
        heir_of = {leaving[address] for address in host.own_addresses if address in leaving}
        if name not in old and heir_of:
            yield (
                f"spec.hosts.members.{name} has the address of {', '.join(sorted(heir_of))}, which leaves (a machine "
                f"must have left before it joins under another name: apply without {name} first, then with it)"
            )


def _address_key(host: Host) -> str:
    return "privateAddress" if host.private_address else "address"


def _provider(before: Cluster, after: Cluster) -> Iterator[str]:
    """Keep the provider that made the machines: no other one would take away what it has made around them."""
    old, new = before.spec.hosts.provider, after.spec.hosts.provider
    if old != new and old in SETTINGS:
        yield f"spec.hosts.provider: {old} -> {new} (the machines are what the one has made: {_NEW_CLUSTER})"


def _version_with_hosts(before: Cluster, after: Cluster) -> Iterator[str]:
    """Let hosts join and leave at the version that runs."""
    versions = before.spec.kubernetes.version, after.spec.kubernetes.version
    if versions[0] == versions[1]:
        return
    old, new = _hosts(before), _hosts(after)
    other = sorted(name for name in old.keys() | new.keys() if _roles(old.get(name)) != _roles(new.get(name)))
    if other:
        yield (
            f"spec.kubernetes.version: {versions[0]} -> {versions[1]} together with hosts or roles of "
            f"{', '.join(other)} (hosts join and leave at the version that runs: apply the one first, then the other)"
        )


def _hosts(cluster: Cluster) -> dict[str, Host]:
    return {host.name: host for host in cluster.spec.hosts.members}


def _roles(host: Host | None) -> frozenset[str]:
    return frozenset(host.roles) if host else frozenset()


_RULES: tuple[Callable[[Cluster, Cluster], Iterator[str]], ...] = (
    _settings,
    _ranges,
    _etcd_prefix,
    _service_account_issuer,
    _addresses,
    _provider,
    _version_with_hosts,
)
