"""A host as it was found: files, programs, units, containers and images, as facts without a judgement of them.

`windlass.domain.host.desired` says what belongs there and `windlass.domain.host.drift` how the two differ. What could
not be found out is an `Unknown` with its reason: it is neither there nor absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from windlass.domain.host.containers import Container
from windlass.domain.host.facts import HostFacts
from windlass.domain.host.file_drift import ObservedFile, Unknown
from windlass.domain.host.layout import CLUSTER_MARK


@dataclass(frozen=True)
class LoadedFiles:
    """Files that somebody reads once: what they say now, and what they said when they were last read."""

    digest: str
    """Of what lies on the host now."""
    noted: str
    """The digest of what was read last, as it was noted then; empty if nothing was."""

    @property
    def is_current(self) -> bool:
        """Whether what lies there now is what was read."""
        return self.noted == self.digest


@dataclass(frozen=True)
class ObservedUnit:
    """A systemd unit that reads files when it starts."""

    state: str
    """systemd's word, such as `active` or `failed`."""
    loaded: LoadedFiles

    @property
    def is_current(self) -> bool:
        """Whether it runs with what lies on the host now."""
        return self.state == "active" and self.loaded.is_current


@dataclass(frozen=True)
class ObservedHost:
    """One host. Of mappings, a key that is missing was not asked for, and counts as unknown to whoever compares."""

    name: str
    facts: HostFacts
    """The machine itself: its system, its disks, its container engine."""
    programs: frozenset[str] | Unknown = field(default_factory=Unknown)
    """The artifacts that are unpacked, by the names of their directories."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Where each program's path leads, of those that are links."""
    files: Mapping[str, ObservedFile] = field(default_factory=dict)
    """Files, certificates and marks, by path: mode, owner and digest."""
    own: frozenset[str] = frozenset()
    """The files that were written because a spec asked for them, as the host has noted."""
    settings: Mapping[str, LoadedFiles] = field(default_factory=dict)
    """Settings of kernel and engine, by what they are called in plans."""
    units: Mapping[str, ObservedUnit] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    """The version that the own file of kubelet and of containerd names, where it names one."""
    containers: Mapping[str, Container] | Unknown = field(default_factory=Unknown)
    """By component, in whatever state; unknown where their engine did not answer for each of them."""
    written: Mapping[str, datetime] = field(default_factory=dict)
    """When files that something reads only once were last written, by the host's clock."""
    images: Mapping[str, frozenset[str] | Unknown] = field(default_factory=dict)
    """References of images by runtime: `docker`, of those that were asked for, and `containerd`."""

    @property
    def cluster_mark(self) -> ObservedFile:
        """The file that says which cluster the host belongs to."""
        return self.files.get(CLUSTER_MARK, Unknown())

    def running(self, component: str) -> Container | Unknown | None:
        """Return the container of a component if it runs, None if it does not."""
        if isinstance(self.containers, Unknown):
            return self.containers
        found = self.containers.get(component)
        return found if found is not None and found.is_running else None

    def has_image(self, runtime: str, reference: str) -> bool:
        """Whether an image is known to be there."""
        found = self.images.get(runtime, Unknown())
        return not isinstance(found, Unknown) and reference in found
