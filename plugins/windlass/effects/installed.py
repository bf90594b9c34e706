"""Code that somebody has installed for Windlass to use, by its name: entry points of installed distributions.

Specs, Variables and objects in the store only give names, and they may be anybody's. What is imported for a name is
said by what is installed where Airflow runs, and by nothing else.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points

from windlass.errors import SpecError

HOST_PROVIDERS = "windlass.host_providers"
"""Group of classes that a spec names as `hosts.provider`; see docs/hosts.md."""
NOTIFIERS = "windlass.notifiers"
"""Group of classes that the Variable `windlass_notifiers` names; see docs/remediation.md."""


DRIVERS = "windlass.drivers"
"""Group of directories with drivers of the catalog; see docs/catalog.md."""
STACKS = "windlass.stacks"
"""Group of directories with stacks of the catalog; see docs/stacks.md."""


def installed_names(group: str) -> tuple[str, ...]:
    """Return the names of a group's entry points; nothing is imported."""
    return _names(group, tuple(sys.path))


@lru_cache(maxsize=16)
def _names(group: str, places: tuple[str, ...]) -> tuple[str, ...]:  # noqa: ARG001  it is what the answer depends on
    """Look through everything that is installed, 25 ms for an Airflow; a process is asked for each spec it reads."""
    return tuple(sorted(entry_points(group=group).names))


def load_installed(group: str, name: str) -> object:
    """Import what `name` stands for, and call nothing of it; SpecError if it is not one entry point of the group."""
    found = tuple(entry_points(group=group, name=name))
    if not found:
        known = ", ".join(f"`{one}`" for one in installed_names(group)) or "none"
        raise SpecError(
            f"`{name}` is no entry point of the group `{group}` ({known} installed); install the package that brings "
            "it wherever tasks of Airflow run, and give the entry point's name: data never names a class or module"
        )
    if len(found) > 1:
        packages = ", ".join(sorted(one.dist.name if one.dist else "?" for one in found))
        raise SpecError(f"`{name}` is an entry point of the group `{group}` in {packages}; uninstall all but one")
    return _load(found[0])


def load_allowed(path: str) -> object:
    """Import the class of a dotted path, and call nothing of it; SpecError if that fails.

    The caller has found the path in a list of what is allowed, which is none that data can change.
    """
    module, _, attribute = path.rpartition(".")
    return _load(EntryPoint(path, f"{module}:{attribute}", "allowed"))


def _load(entry: EntryPoint) -> object:
    try:
        return entry.load()
    except (ImportError, AttributeError, ValueError) as error:
        raise SpecError(
            f"`{entry.name}` cannot be used: {entry.value} cannot be imported: {error}; install what it needs wherever "
            "tasks of Airflow run"
        ) from error
