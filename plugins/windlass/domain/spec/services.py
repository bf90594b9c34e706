"""The sections of what runs in the cluster for everyone: network, DNS, storage, load balancing, metrics, artifacts."""

from __future__ import annotations

from typing import Any, Literal

from windlass.domain.addresses import family
from windlass.domain.spec.base import Many, Section, section, setting

ProxyMode = Literal["iptables", "nftables", "none"]


def driver_values() -> Any:
    """Return the field of the answers to a driver's questions."""
    return setting(
        {},
        "Answers to the driver's questions (`windlass catalog drivers show`); what is left out has its default.",
    )


class Network(Section):
    """How pods and services talk to each other."""

    driver: str = setting("flannel", "Network driver of the catalog; none: bring your own manifests.")
    values: dict[str, Any] = driver_values()
    backend: Literal["vxlan", "host-gw", "wireguard"] = setting(
        "vxlan",
        "How flannel carries packets between hosts; host-gw needs all hosts on one layer-2 network, wireguard, which "
        "encrypts them, a kernel that has it.",
    )
    pod_cidr: str = setting("10.244.0.0/16", "Range of the pods, IPv4 or IPv6; each node takes a part of it.")
    service_cidr: str = setting("10.96.0.0/12", "Range of the services, of the same IP family.")
    pod_cidrs: Many[str] = setting(
        [],
        "Ranges of the pods in the place of `podCidr`: for a dual-stack cluster one of each IP family, that of the "
        "hosts' addresses first.",
    )
    service_cidrs: Many[str] = setting(
        [], "Ranges of the services in the place of `serviceCidr`, of the same IP families in the same order."
    )
    node_mask: int = setting(24, "Length of the prefix of each node's IPv4 part of the pods' range.", ge=9, le=28)
    node_mask_ipv6: int = setting(64, "Length of the prefix of each node's IPv6 part of it.", ge=17, le=120)
    mtu: int | None = setting(
        None,
        "Largest packet of the hosts' network, in bytes, such as 1450 within another overlay; pods get less by what "
        "the backend adds. null: that of each host's interface.",
        ge=576,
        le=65535,
    )
    cluster_domain: str = setting("cluster.local", "DNS domain in which services and pods have their names.")
    proxy_mode: ProxyMode | None = setting(
        None,
        "How kube-proxy carries Services: by rules of iptables or of nftables, or not at all (none: bring what does it "
        "under `manifests`). null: as the cluster has it, nftables in a new one.",
    )

    policy: Literal["kube-network-policies"] | None = setting(
        None, "Who enforces NetworkPolicies beside a network driver that does not, such as flannel; null: nobody else."
    )

    @property
    def proxy(self) -> ProxyMode:
        """How Services are carried; iptables where a spec stored earlier does not say."""
        return self.proxy_mode or "iptables"

    @property
    def pod_ranges(self) -> tuple[str, ...]:
        """The ranges of the pods, the first of the family that the cluster's own addresses have."""
        return self.pod_cidrs or (self.pod_cidr,)

    @property
    def service_ranges(self) -> tuple[str, ...]:
        """The ranges of the services, in the order of the pods'."""
        return self.service_cidrs or (self.service_cidr,)

    def pod_range(self, ip_family: int) -> str | None:
        """Return the pods' range of a family, 4 or 6; None if there is none."""
        return next((one for one in self.pod_ranges if family(one) == ip_family), None)


class Storage(Section):
    """Where volumes come from."""

    driver: str = setting("local-path", "Storage driver of the catalog; none: bring your own manifests.")
    values: dict[str, Any] = driver_values()


class LoadBalancer(Section):
    """Who answers at the external addresses of services."""

    driver: str = setting(
        "none", "Load balancer of the catalog; none: no external addresses, or bring your own manifests."
    )
    values: dict[str, Any] = driver_values()
    addresses: Many[str] = setting([], "Ranges of IP addresses that it may give away, as CIDR or as `first-last`.")


class MeasurementHistory(Section):
    """Who keeps measurements, and judges them by rules."""

    driver: str = setting("none", "History driver of the catalog; none: nobody, or bring your own manifests.")
    values: dict[str, Any] = driver_values()


class Monitoring(Section):
    """Who measures what pods and nodes use."""

    driver: str = setting("none", "Monitoring driver of the catalog; none: no metrics, or bring your own manifests.")
    values: dict[str, Any] = driver_values()
    history: MeasurementHistory = section(
        MeasurementHistory, "Who keeps measurements, beside whoever tells what is used right now."
    )


class Artifacts(Section):
    """Where hosts take binaries and images from."""

    source: Literal["auto", "official", "mirror"] = setting(
        "auto",
        "official: the projects' own sites and registries; mirror: `artifacts.mirror`; auto: the mirror if one is "
        "named here or in Windlass's settings, else official.",
        alias="from",
    )
    mirror: str | None = setting(
        None, "Base URL of the mirror (http://host:port); null: the one in Windlass's settings."
    )
    registry: str | None = setting(
        None, "host:port of the mirror's registry of images; null: the mirror's host, at port 5000."
    )


class HealthOverride(Section):
    """What is changed about the health check of one service; what is left out stays as the catalog has it."""

    interval_seconds: float | None = setting(None, "Time between two checks; null: the catalog's.", gt=0, le=3600)
    response_timeout_seconds: float | None = setting(
        None, "How long one check may take; null: the catalog's.", gt=0, le=600
    )
    unhealthy_threshold: int | None = setting(
        None, "Failed checks in a row until the service is unhealthy; null: the catalog's.", ge=1, le=100
    )
    healthy_threshold: int | None = setting(
        None, "Passed checks in a row until the service is healthy again; null: the catalog's.", ge=1, le=100
    )
    initializing_timeout_seconds: float | None = setting(
        None, "Time a new container has to pass its first check; null: the catalog's.", gt=0, le=3600
    )
    reinitializing_timeout_seconds: float | None = setting(
        None, "Time a restarted container has to pass its first check; null: the catalog's.", gt=0, le=3600
    )
    strategy: Literal["none", "recreate", "recreateOnQuorum"] | None = setting(
        None, "What is done about an unhealthy container; null: as the catalog has it."
    )
    quorum: int | None = setting(
        None, "How many others must be healthy for recreateOnQuorum; null: the catalog's.", ge=1, le=9
    )


Health = dict[str, HealthOverride]
"""Overrides of health checks by the name of the service, such as kube-apiserver."""
