"""The section of the spec about names in the cluster."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from windlass.domain.spec.base import Many, Section, section, setting
from windlass.domain.spec.services import driver_values


class DnsZone(Section):
    """One zone that others answer for."""

    name: str = Field(description="Name of the zone, such as `corp.example.com`; what is below it counts too.")
    upstreams: Many[str] = Field(description="IP addresses (with :port if it is not 53) asked for names of the zone.")


class DnsHost(Section):
    """One address with names of your own."""

    address: str = Field(description="The IP address.")
    names: Many[str] = Field(description="The full names that lead to it.")


class DnsResources(Section):
    """What each replica of the DNS asks for, and what it gets at most."""

    cpu: str = setting("100m", "Share of processors that is kept for it.")
    memory: str = setting("70Mi", "Memory that is kept for it.")
    memory_limit: str = setting("256Mi", "Memory beyond which it is ended; large caches and many Services take more.")


class Dns(Section):
    """How names are resolved in the cluster."""

    driver: str = setting("coredns", "DNS driver of the catalog; none: bring your own manifests.")
    values: dict[str, Any] = driver_values()
    upstreams: Many[str] = setting(
        [], "IP addresses (with :port if it is not 53) asked for names outside; empty: those of the hosts."
    )
    replicas: int = setting(2, "How many replicas there are, on different nodes where there are as many.", ge=1, le=50)
    resources: DnsResources = section(DnsResources, "What each replica asks for, and what it gets at most.")
    zones: Many[DnsZone] = setting([], "Zones that others answer for, such as the company's own.")
    hosts: Many[DnsHost] = setting([], "Names of your own, which need no server; they go before all others.")
