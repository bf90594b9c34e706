"""Checks of the drivers that a spec picks: that they are there, fit the cluster, and have good answers."""

from __future__ import annotations

from collections.abc import Iterator

from windlass.domain.addresses import read_range
from windlass.domain.catalog.drivers import Driver, Drivers
from windlass.domain.catalog.questions import answer_problems
from windlass.domain.catalog.release import version_numbers
from windlass.domain.spec.class_names import is_class_name
from windlass.domain.spec.drivers import DriverChoice, PickedDriver, driver_choices
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.problem import Path, Problem, nearest
from windlass.domain.spec.provider_settings import CARRIES_NO_PODS
from windlass.errors import SpecError


def driver_problems(cluster: Cluster, known: Drivers | None) -> Iterator[Problem]:
    """Check every slot against the drivers that there are; None leaves them unchecked, for a stored spec."""
    if known is None:
        return
    for choice in driver_choices(cluster):
        driver = known.loaded.get((choice.slot, choice.name))
        if driver is None or driver.id in known.broken:
            yield from _not_there(choice, known)
        else:
            yield from _answers(choice, driver)
            yield from _needs(cluster, choice, driver)
    yield from _shared_network(cluster, known)


def _shared_network(cluster: Cluster, known: Drivers) -> Iterator[Problem]:
    """Yield what asks the network of a host provider to carry packets with addresses of pods, which it does not."""
    why = CARRIES_NO_PODS.get(cluster.spec.hosts.provider)
    if why is None:
        return
    for choice in driver_choices(cluster):
        driver = known.loaded.get((choice.slot, choice.name))
        if driver is None or (when := driver.needs.shared_network) is None:
            continue
        picked = PickedDriver(driver, choice.answers(driver), choice)
        if picked.holds(when):
            asked = [one for one in driver.questions if one.variable in when]
            path = choice.place_of(asked[0]) if asked else (*choice.path, "driver")
            yield Problem(path, why, picked.instead(when))


def _not_there(choice: DriverChoice, known: Drivers) -> Iterator[Problem]:
    path: Path = (*choice.path, "driver")
    names = known.names(choice.slot)
    listed = f"known are {', '.join(names) or 'none'}"
    if why := known.broken.get((choice.slot, choice.name)):
        told = "; ".join(why.splitlines())
        yield Problem(path, f"the driver `{choice.name}` cannot be loaded: {told}", f"correct that; {listed}")
    elif not is_class_name(choice.name):  # which has a check of its own
        meant = nearest(choice.name, names)
        advice = f"did you mean `{meant}`? {listed}" if meant else listed
        right = f"{advice}; bring one of your own as a driver of the catalog, or say `none`, and use spec.manifests"
        yield Problem(path, f"no driver `{choice.name}` is known", right)


def _answers(choice: DriverChoice, driver: Driver) -> Iterator[Problem]:
    questions, values = {one.variable: one for one in driver.questions}, (*choice.path, "values")
    for found in answer_problems("driver", driver.questions, choice.given(driver)):
        asked = questions.get(found.variable)
        path: Path = choice.place_of(asked) if asked else (*values, found.variable)
        is_nowhere = found.is_missing and path == (*values, found.variable)
        yield Problem(values if is_nowhere else path, found.wrong, found.right)
    for question in driver.questions:
        said = choice.setting(question.setting) if question.setting and choice.knows(question.setting) else None
        if said is not None and choice.values.get(question.variable, said) != said:
            wrong = f"the answer is another one than `{question.setting}` beside the driver gives"
            yield Problem((*choice.path, "values", question.variable), wrong, "give it once")


def _needs(cluster: Cluster, choice: DriverChoice, driver: Driver) -> Iterator[Problem]:
    path: Path = (*choice.path, "driver")
    releases, version = driver.needs.releases, cluster.spec.kubernetes.version
    if releases and _minor(version) not in (*releases, ""):
        wrong = f"the driver `{driver.name}` is not for Kubernetes {version}"
        yield Problem(path, wrong, f"it is for {', '.join(releases)}; pick another driver, or another version")
    orders = driver.needs.families
    ranges = [read_range(text) for text in cluster.spec.network.pod_ranges]
    found = tuple(one.version for one in ranges if one is not None)
    if orders and found and len(found) == len(ranges) and found not in orders:
        told = "; ".join(" before ".join(f"IPv{one}" for one in order) for order in orders)
        wrong = f"the driver `{driver.name}` takes no {' before '.join(f'IPv{one}' for one in found)}"
        where = "podCidrs" if cluster.spec.network.pod_cidrs else "podCidr"
        yield Problem(("spec", "network", where), wrong, f"it takes {told}")


def _minor(version: str) -> str:
    """Return the minor release of a version; empty if it is none, which has a check of its own."""
    try:
        return ".".join(map(str, version_numbers(version)[:2]))
    except SpecError:
        return ""
