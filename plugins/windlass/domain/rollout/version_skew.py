"""Which version may follow which, and which versions may run side by side.

The rules are those of https://kubernetes.io/releases/version-skew-policy/ and of etcd's upgrade guides: one minor
release at a time, never back; kubelets at most three minors behind the API and never ahead of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from windlass.domain.artifacts import Lock
from windlass.domain.catalog import Catalog, Release
from windlass.domain.catalog.release import version_numbers
from windlass.errors import RefusedError
from windlass.operation_names import Operation

KUBELET_SKEW = 3
"""Minor releases that a kubelet (and kube-proxy) may be behind the API servers."""


@dataclass(frozen=True)
class RunningVersions:
    """Which version of each component runs on which host; a host is absent where the component could not be seen."""

    etcd: Mapping[str, str] = field(default_factory=dict)
    api_servers: Mapping[str, str] = field(default_factory=dict)
    managers: Mapping[str, str] = field(default_factory=dict)
    """The controller managers."""
    schedulers: Mapping[str, str] = field(default_factory=dict)
    kubelets: Mapping[str, str] = field(default_factory=dict)
    proxies: Mapping[str, str] = field(default_factory=dict)
    """kube-proxy, by node."""

    @property
    def of_nodes(self) -> Iterator[tuple[str, str, str]]:
        """Yield what runs on nodes and may be far behind the API servers: its name, the node, the version."""
        for what, versions in (("the kubelet", self.kubelets), ("kube-proxy", self.proxies)):
            yield from ((what, name, version) for name, version in versions.items())


def minor_of(version: str) -> int:
    """Return the minor release of vX.Y.Z as a number; SpecError if it is no version."""
    return version_numbers(version)[1]


def path_to(catalog: Catalog, running: str, target: str) -> tuple[str, ...]:
    """Return the releases to upgrade to one after another, `target` last; empty if the catalog has no such path.

    Each step goes to the newest patch that the catalog has of the next minor release.
    """
    path: list[str] = []
    at = running
    while not catalog.release(target).can_upgrade_from(at):
        following = [
            release.version
            for release in catalog.upgrades_of(at)
            if minor_of(release.version) == minor_of(at) + 1 and version_numbers(release.version) < _key(target)
        ]
        if not following:
            return ()
        at = max(following, key=version_numbers)
        path.append(at)
    return (*path, target)


def check_target(catalog: Catalog, running: str, target: str) -> Release:
    """Return the release to upgrade to; SpecError if the catalog has none, RefusedError with the way if it may not be.

    The version that runs already is accepted: there may be something left to do.
    """
    release = catalog.release(target)
    if target == running:
        return release
    if _key(target) < _key(running):
        raise RefusedError(
            f"{target} is older than {running}, which runs: an upgrade never goes back; a bundle taken at {target} "
            f"brings it back: `{Operation.RECOVER}` with `restore_versions`"
        )
    if release.can_upgrade_from(running):
        return release
    path = path_to(catalog, running, target)
    if path:
        raise RefusedError(
            f"{running} cannot go to {target} at once: one minor release at a time; upgrade to {' then '.join(path)}"
        )
    missing = ".".join(str(part) for part in (version_numbers(running)[0], minor_of(running) + 1))
    raise RefusedError(
        f"{running} cannot go to {target}: one minor release at a time, and the catalog has none of {missing} that may "
        f"follow {running}; add one with `windlass catalog add`"
    )


def _key(version: str) -> tuple[int, int, int]:
    return version_numbers(version)


def skew_problems(running: RunningVersions) -> list[str]:
    """Return what breaks the rules in the versions that run side by side; empty if nothing does."""
    return [*_api_skew(running), *_controller_skew(running), *_kubelet_skew(running), *_etcd_skew(running)]


def target_problems(running: RunningVersions, target: Release) -> list[str]:
    """Return what keeps the components that run from getting to `target` in one step."""
    problems = [
        f"{what} of {name} is at {version}, newer than the target"
        for what, name, version in (*_of_control_plane(running), *running.of_nodes)
        if _key(version) > _key(target.version)
    ]
    for name, version in running.api_servers.items():
        if minor_of(target.version) - minor_of(version) > 1:
            problems.append(f"the API server of {name} is at {version}, more than one minor release behind the target")
    for what, name, version in running.of_nodes:
        if minor_of(target.version) - minor_of(version) > KUBELET_SKEW:
            problems.append(
                f"{what} of {name} is at {version}, more than {KUBELET_SKEW} minor releases behind the target"
            )
    desired = target.images.get("etcd", "")
    for name, version in running.etcd.items():
        steps = minor_of(desired) - minor_of(version)
        if version_numbers(desired)[0] != version_numbers(version)[0] or steps > 1:
            problems.append(f"etcd of {name} is at {version}, more than one minor release behind {desired}")
        elif _key(desired) < _key(version):
            problems.append(f"etcd of {name} is at {version}, newer than the target's {desired}: etcd never goes back")
    return problems


def _of_control_plane(running: RunningVersions) -> Iterator[tuple[str, str, str]]:
    named = {
        "the API server": running.api_servers,
        "the controller manager": running.managers,
        "the scheduler": running.schedulers,
    }
    for what, versions in named.items():
        yield from ((what, name, version) for name, version in versions.items())


def proxy_versions(pods: Iterable[Mapping[str, Any]], locks: Iterable[Lock]) -> dict[str, str]:
    """Return kube-proxy's version by node, from its image's digest; one that no lock knows is absent."""
    known = {
        digest: artifact.version
        for lock in locks
        for artifact, locked in lock.artifacts.items()
        for digest in (*locked.manifests.values(), locked.digest)
        if (artifact.kind, artifact.name) == ("image", "kube-proxy")
    }
    found = {}
    for pod in pods:
        metadata, spec = pod["metadata"], pod.get("spec", {})
        is_proxy = (metadata.get("namespace"), metadata.get("labels", {}).get("k8s-app")) == (
            "kube-system",
            "kube-proxy",
        )
        if is_proxy and "deletionTimestamp" not in metadata and spec.get("nodeName"):
            digest = spec["containers"][0]["image"].rpartition("@")[2]
            found[spec["nodeName"]] = known.get(digest, "")
    return {node: version for node, version in found.items() if version}


def _api_skew(running: RunningVersions) -> list[str]:
    minors = {minor_of(version) for version in running.api_servers.values()}
    if minors and max(minors) - min(minors) > 1:
        return [f"API servers are more than one minor release apart: {_skew_text(running.api_servers)}"]
    return []


def _controller_skew(running: RunningVersions) -> list[str]:
    if not running.api_servers:
        return []
    oldest = min(minor_of(version) for version in running.api_servers.values())
    newest = max(minor_of(version) for version in running.api_servers.values())
    return [
        f"the {what} of {name} is at {version}, and API servers at {_skew_text(running.api_servers)}"
        for what, versions in (("controller manager", running.managers), ("scheduler", running.schedulers))
        for name, version in versions.items()
        if not newest - 1 <= minor_of(version) <= oldest
    ]


def _kubelet_skew(running: RunningVersions) -> list[str]:
    if not running.api_servers:
        return []
    oldest = min(minor_of(version) for version in running.api_servers.values())
    newest = max(minor_of(version) for version in running.api_servers.values())
    return [
        f"{what} of {name} is at {version}, and API servers at {_skew_text(running.api_servers)}"
        for what, name, version in running.of_nodes
        if not newest - KUBELET_SKEW <= minor_of(version) <= oldest
    ]


def _etcd_skew(running: RunningVersions) -> list[str]:
    minors = {minor_of(version) for version in running.etcd.values()}
    if minors and max(minors) - min(minors) > 1:
        return [f"etcd members are more than one minor release apart: {_skew_text(running.etcd)}"]
    return []


def _skew_text(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
