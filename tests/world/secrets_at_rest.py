"""Secrets at rest: each is stored with the key that the API server which wrote it had loaded, and read with that alone.

An API server loads its configuration when it starts, and again within a minute of a change: here as late as it may,
which is when somebody asks it what it has loaded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache
from typing import TYPE_CHECKING

from windlass.domain.host.layout import API_SERVER_PKI
from windlass.domain.yamltext import read_yaml

if TYPE_CHECKING:
    from world.etcd import Objects
    from world.machine import Machine

CONFIGURATION = f"{API_SERVER_PKI}/encryption.yaml"
SECRETS = "secrets"
CLEAR = ""
"""Stands for a Secret that is stored in clear."""
_STORED_WITH = "storedWith"


@cache
def keys_of(configuration: str) -> tuple[str, ...]:
    """Return the keys of a configuration, the one that writes first; CLEAR where it reads or writes clear text."""
    if not configuration:
        return (CLEAR,)
    (resource,) = read_yaml(configuration)["resources"]
    return tuple(
        key
        for provider in resource["providers"]
        for key in ([one["secret"] for one in provider["secretbox"]["keys"]] if "secretbox" in provider else [CLEAR])
    )


def load(server: Machine) -> None:
    """Have an API server load what its configuration says now."""
    server.encryption = server.text(CONFIGURATION)


def may_have_loaded(server: Machine) -> tuple[str, str]:
    """Return what an API server has loaded for certain, and what lies there and may be loaded at any moment."""
    return server.encryption, server.text(CONFIGURATION)


def note(server: Machine, found: dict[str, object]) -> None:
    """Note with which key an API server has stored a Secret that it was given to write."""
    metadata = found["metadata"]
    assert isinstance(metadata, dict)
    metadata[_STORED_WITH] = keys_of(server.encryption)[0]


def stored_with(objects: Objects) -> dict[str, str]:
    """Return the key that each Secret is stored with, by namespace and name."""
    return {
        f"{namespace}/{name}": found["metadata"].get(_STORED_WITH, CLEAR)
        for (plural, namespace, name), found in list(objects.items())
        if plural == SECRETS
    }


def unreadable(server: Machine, objects: Objects, names: Collection[str] | None = None) -> Iterator[str]:
    """Yield the Secrets, all or those of these names, that an API server cannot read with what it has loaded."""
    known = keys_of(server.encryption)
    for name, key in stored_with(objects).items():
        if key not in known and (names is None or name in names):
            yield name
