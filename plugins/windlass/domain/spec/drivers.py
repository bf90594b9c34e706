"""Which drivers of the catalog a spec picks, and what it answers to their questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from windlass.domain.catalog.drivers import NONE, Driver, DriverKind, Drivers, HostTraces, Traffic, When
from windlass.domain.catalog.questions import Question
from windlass.domain.spec.class_names import is_class_name
from windlass.domain.spec.diff import Change
from windlass.domain.spec.dns import Dns
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.problem import Path, path_text
from windlass.domain.spec.services import LoadBalancer, MeasurementHistory, Monitoring, Network, Storage

DriverSection = Network | Dns | Storage | Monitoring | MeasurementHistory | LoadBalancer
PROXY_SLOT, POLICY_SLOT = "proxy", "policy"
"""Slots that have no section of their own: their settings are those of the network."""
HISTORY_SLOT = "history"
"""The slot whose section stands within that of monitoring."""
PROXY = "kube-proxy"
"""The driver of the former, unless Services are carried by something else."""
SYSTEM_NAMESPACE = "kube-system"


@dataclass(frozen=True)
class DriverChoice:
    """What a spec says of one slot."""

    slot: str
    name: str
    section: DriverSection
    """Of the spec; some of its settings answer questions too."""
    path: Path
    values: Mapping[str, Any]

    def setting(self, key: str) -> Any:
        """Return what the section says under `key` if that is not the default, which is to say nothing; else None.

        A stored spec has every setting in it, so that whether one stands there tells nothing.
        """
        name, field = self._field(key)
        value = getattr(self.section, name)
        if value == field.get_default(call_default_factory=True):
            return None
        return list(value) if isinstance(value, tuple) else value

    def knows(self, key: str) -> bool:
        """Tell whether the section has such a setting."""
        return any(field.alias == key for field in type(self.section).model_fields.values())

    def given(self, driver: Driver) -> dict[str, Any]:
        """Return the answers that the spec gives, by either way; `values` go before settings."""
        settings = {
            one.variable: self.setting(one.setting)
            for one in driver.questions
            if one.setting and self.knows(one.setting)
        }
        return {**{variable: value for variable, value in settings.items() if value is not None}, **self.values}

    def answers(self, driver: Driver) -> dict[str, Any]:
        """Return every answer as it is given or by default, also one that is wrong."""
        given = self.given(driver)
        return {one.variable: given.get(one.variable, one.default) for one in driver.questions}

    def place_of(self, question: Question) -> Path:
        """Return where a question is answered: among the values, or by the setting of the section that answers too."""
        has_setting = question.variable not in self.values and question.setting and self.knows(question.setting)
        return (*self.path, question.setting) if has_setting else (*self.path, "values", question.variable)

    def _field(self, key: str) -> tuple[str, Any]:
        return next((name, field) for name, field in type(self.section).model_fields.items() if field.alias == key)


@dataclass(frozen=True)
class PickedDriver:
    """A driver that a spec picks, with every answer."""

    driver: Driver
    answers: Mapping[str, Any]
    choice: DriverChoice

    def holds(self, when: When) -> bool:
        """Tell whether the answers are such that something counts."""
        return all(self.answers.get(variable) == value for variable, value in when.items())

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules of the kernel that hosts load for it."""
        return tuple(one.name for one in self.driver.needs.modules if self.holds(one.when))

    @property
    def required_modules(self) -> tuple[str, ...]:
        """Those of them without which it cannot be."""
        return tuple(one.name for one in self.driver.needs.modules if one.required and self.holds(one.when))

    def instead(self, when: When) -> str:
        """Return what the spec may say so that what is bound to `when` does not count."""
        ways = [
            f"set {path_text(self.choice.place_of(one))} to {' or '.join(others)}"
            for one in self.driver.questions
            if (others := [option for option in one.options if one.variable in when and option != when[one.variable]])
        ]
        return ", or ".join(ways) or "pick another driver"


def driver_choices(cluster: Cluster) -> tuple[DriverChoice, ...]:
    """Return what a spec says of each slot, in the order in which their objects are applied."""
    spec = cluster.spec
    sections: dict[Path, DriverSection] = {
        ("network",): spec.network,
        ("dns",): spec.dns,
        ("storage",): spec.storage,
        ("monitoring",): spec.monitoring,
        ("monitoring", HISTORY_SLOT): spec.monitoring.history,
        ("loadBalancer",): spec.load_balancer,
    }
    carrier = NONE if spec.network.proxy == NONE else PROXY
    proxy = DriverChoice(PROXY_SLOT, carrier, spec.network, ("spec", "network"), {})
    policy = DriverChoice(POLICY_SLOT, spec.network.policy or NONE, spec.network, ("spec", "network"), {})
    network, *others = (
        DriverChoice(str(path[-1]), section.driver, section, ("spec", *path), section.values)
        for path, section in sections.items()
    )
    return proxy, network, policy, *others


def picked_drivers(cluster: Cluster, drivers: Drivers) -> tuple[PickedDriver, ...]:
    """Return the drivers that a spec picks, in the order of their slots.

    SpecError if one cannot be had. A class that a stored spec names does nothing, and never did.
    """
    return tuple(_picked(cluster, drivers))


def _picked(cluster: Cluster, drivers: Drivers) -> Iterator[PickedDriver]:
    for choice in driver_choices(cluster):
        is_nobody = choice.name == NONE and (choice.slot, NONE) not in drivers.loaded
        if not is_nobody and not is_class_name(choice.name):
            driver = drivers.driver(choice.slot, choice.name)
            yield PickedDriver(driver, driver.answers(choice.given(driver)), choice)


def foundation_namespaces(cluster: Cluster, drivers: Drivers) -> frozenset[str]:
    """Return the namespaces of what Windlass runs in a cluster for everyone."""
    return frozenset((SYSTEM_NAMESPACE, *(name for one in _there(cluster, drivers) for name in one.driver.namespaces)))


def observed_kinds(cluster: Cluster, drivers: Drivers) -> tuple[DriverKind, ...]:
    """Return the kinds of drivers that the watch may list in a cluster: those of its own drivers, and the usual."""
    there = {one.driver.id: one for one in _there(cluster, drivers)}
    by_id = sorted(drivers.loaded.values(), key=lambda driver: driver.id)
    return tuple(
        kind
        for driver in by_id
        for kind in driver.kinds
        if kind.always or (driver.id in there and there[driver.id].holds(kind.when))
    )


def spreads_dns(cluster: Cluster, drivers: Drivers) -> bool:
    """Tell whether replicas of the cluster's DNS are moved apart where two are on one node."""
    return any(one.driver.spreads_replicas for one in picked_drivers(cluster, drivers) if one.driver.slot == "dns")


def host_traces(cluster: Cluster, drivers: Drivers) -> HostTraces:
    """Return what the drivers of a cluster leave on its hosts."""
    return sum((one.driver.traces for one in _there(cluster, drivers)), HostTraces())


def leaving_drivers(before: Cluster, after: Cluster, drivers: Drivers) -> tuple[Driver, ...]:
    """Return the drivers that a spec picks and the next one does not."""
    stay = {one.driver.id for one in _there(after, drivers)}
    return tuple(one.driver for one in _there(before, drivers) if one.driver.id not in stay)


def fixed_answers(before: Cluster, after: Cluster, drivers: Drivers) -> Iterator[tuple[Change, str]]:
    """Yield each change of an answer that a running cluster keeps, and why it does."""
    olds = {choice.slot: choice for choice in driver_choices(before)}
    for choice in driver_choices(after):
        driver, old = drivers.loaded.get((choice.slot, choice.name)), olds[choice.slot]
        if driver is None or old.name != choice.name:
            continue
        had, has = (driver.answers(one.given(driver)) for one in (old, choice))
        for question in driver.questions:
            if question.fixed and had[question.variable] != has[question.variable]:
                yield Change(choice.place_of(question), had[question.variable], has[question.variable]), question.fixed


def required_modules(cluster: Cluster, drivers: Drivers) -> tuple[str, ...]:
    """Return the modules of the kernel that every node must have."""
    picked = picked_drivers(cluster, drivers)
    return tuple(dict.fromkeys(name for one in picked for name in one.required_modules))


def node_traffic(cluster: Cluster, drivers: Drivers) -> tuple[Traffic, ...]:
    """Return what the drivers of a cluster send from node to node."""
    picked = picked_drivers(cluster, drivers)
    return tuple(traffic for one in picked for traffic in one.driver.traffic if one.holds(traffic.when))


def _there(cluster: Cluster, drivers: Drivers) -> Iterator[PickedDriver]:
    """Yield the drivers that a spec picks and that there are: a cluster can be taken down without the others."""
    for choice in driver_choices(cluster):
        driver = drivers.loaded.get((choice.slot, choice.name))
        if driver is not None:
            yield PickedDriver(driver, choice.answers(driver), choice)
