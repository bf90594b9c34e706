"""Whether hosts have what the drivers of their cluster need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from windlass.domain.catalog.drivers import Driver, Drivers
from windlass.domain.host.facts import HostFacts, major_and_minor
from windlass.domain.host.preflight import PreflightFinding
from windlass.domain.spec.drivers import picked_drivers
from windlass.domain.spec.models import Cluster


def check_drivers_fit(cluster: Cluster, drivers: Drivers, facts: Mapping[str, HostFacts]) -> list[PreflightFinding]:
    """Return what the drivers of a cluster find missing on its nodes, of which `facts` are known."""
    picked = [one.driver for one in picked_drivers(cluster, drivers)]
    nodes = [host.name for host in cluster.spec.hosts.members if host.is_node and host.name in facts]
    return [
        PreflightFinding(name, *told) for name in nodes for driver in picked for told in _misfits(driver, facts[name])
    ]


def _misfits(driver: Driver, facts: HostFacts) -> Iterator[tuple[str, str]]:
    """Yield each problem and its remedy."""
    what, needs = f"the driver `{driver.name}` of {driver.slot}", driver.needs
    if major_and_minor(facts.kernel) < needs.kernel:
        least = f"{needs.kernel[0]}.{needs.kernel[1]}"
        yield f"kernel {facts.kernel}: {what} needs {least}", f"upgrade to {least} or later, or pick another driver"
    if needs.architectures and facts.architecture not in needs.architectures:
        told = ", ".join(needs.architectures)
        yield f"{facts.architecture}: {what} is for {told}", "use another host, or pick another driver"
