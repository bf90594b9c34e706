"""The sections of what runs in the cluster for everyone: network, DNS, storage, load balancing, metrics, artifacts."""

from __future__ import annotations

from typing import Literal

from windlass.domain.addresses import family
from windlass.domain.spec.base import Many, Section, setting


class Network(Section):
    """How pods and services talk to each other."""

    driver: str = setting("flannel", "Network driver: flannel or none (bring your own manifests).")
    backend: Literal["vxlan", "host-gw"] = setting(
        "vxlan", "How flannel carries packets between hosts; host-gw needs all hosts on one layer-2 network."
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
    proxy_mode: Literal["iptables", "nftables"] = setting("iptables", "How kube-proxy lays its rules.")

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


class Dns(Section):
    """How names are resolved in the cluster."""

    driver: str = setting("coredns", "DNS driver: coredns or none (bring your own manifests).")
    upstreams: Many[str] = setting(
        [], "IP addresses (with :port if it is not 53) asked for names outside; empty: those of the hosts."
    )


class Storage(Section):
    """Where volumes come from."""

    driver: str = setting("local-path", "Storage driver: local-path or none (bring your own manifests).")


class LoadBalancer(Section):
    """Who answers at the external addresses of services."""

    driver: str = setting("none", "Load balancer: none or metallb.")
    addresses: Many[str] = setting([], "Ranges of IP addresses that it may give away, as CIDR or as `first-last`.")


class Monitoring(Section):
    """Who measures what pods and nodes use."""

    driver: str = setting("none", "Metrics: none or metrics-server.")


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
