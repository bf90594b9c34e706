"""Whether hosts have what the drivers of their cluster need."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from windlass.domain.catalog.drivers import Drivers
from windlass.domain.host.facts import HostFacts, major_and_minor
from windlass.domain.host.preflight import PreflightFinding
from windlass.domain.spec.drivers import PickedDriver, picked_drivers
from windlass.domain.spec.models import Cluster

_UNTOLD = (0, 0)


def check_drivers_fit(
    cluster: Cluster, drivers: Drivers, facts: Mapping[str, HostFacts], lacking: Mapping[str, Collection[str]]
) -> list[PreflightFinding]:
    """Return what the drivers of a cluster find missing on its nodes, of which `facts` are known.

    `lacking` are modules of the kernel that drivers must have and a host's has not, by host. What a host did not tell
    is not missing.
    """
    picked = picked_drivers(cluster, drivers)
    nodes = [host.name for host in cluster.spec.hosts.members if host.is_node and host.name in facts]
    return [
        PreflightFinding(name, *told)
        for name in nodes
        for one in picked
        for told in _misfits(one, facts[name], lacking.get(name, ()))
    ]


def _misfits(picked: PickedDriver, facts: HostFacts, lacking: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield each problem and its remedy."""
    driver = picked.driver
    what, needs = f"the driver `{driver.name}` of {driver.slot}", driver.needs
    for one in needs.kernel:
        if picked.holds(one.when) and _UNTOLD < major_and_minor(facts.kernel) < one.least:
            least = f"{one.least[0]}.{one.least[1]}"
            wrong = f"kernel {facts.kernel}: {what} needs {least}{_for(one.when)}"
            yield wrong, f"upgrade to {least} or later, or {picked.instead(one.when)}"
    for module in needs.modules:
        if module.name in lacking and module.name in picked.required_modules and picked.holds(module.when):
            wrong = f"kernel {facts.kernel} has no {module.name}, which {what} needs{_for(module.when)}"
            yield wrong, f"install a kernel that has the module {module.name}, or {picked.instead(module.when)}"
    if needs.architectures and facts.architecture not in needs.architectures:
        told = ", ".join(needs.architectures)
        yield f"{facts.architecture}: {what} is for {told}", "use another host, or pick another driver"


def _for(when: Mapping[str, object]) -> str:
    return " for " + ", ".join(f"{variable} {value}" for variable, value in when.items()) if when else ""
