"""Processors that hosts may have: in Go's words, which releases, images and the mirror use."""

from __future__ import annotations

from collections.abc import Iterable

AMD64 = "amd64"
ARM64 = "arm64"
ARCHITECTURES = (AMD64, ARM64)
"""Those that artifacts can be made or fetched for."""
_MACHINES = {"x86_64": AMD64, "aarch64": ARM64}
"""What `uname -m` prints for each."""


def architecture_of(machine: str) -> str:
    """Return the architecture of a machine whose `uname -m` prints `machine`; another one is called as it prints."""
    return _MACHINES.get(machine, machine)


def in_order(architectures: Iterable[str]) -> tuple[str, ...]:
    """Return each architecture once, in the order of `ARCHITECTURES`."""
    found = set(architectures)
    return (*(one for one in ARCHITECTURES if one in found), *sorted(found - set(ARCHITECTURES)))
