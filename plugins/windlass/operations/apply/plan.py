"""Plan an apply: what each host lacks of what the spec wants, found by looking, with nothing changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from windlass.domain.host.facts import HostFacts
from windlass.domain.host.file_drift import FileDrift, desired_files, find_file_drift
from windlass.domain.host.layout import COMPONENT_LABEL, DIGEST_LABEL, DOCKER_DAEMON, PROJECT_LABEL
from windlass.domain.pki import Pki, desired_certificates
from windlass.domain.rendering import HostFiles, Install, host_installs, render_host
from windlass.domain.rendering.stacks import OWN_COMPONENTS
from windlass.domain.scripts.apply import service_digests, settings_state_script, unit_state_script
from windlass.domain.scripts.install import content_directory
from windlass.domain.spec.models import Cluster, Host
from windlass.effects.ssh.connection import Connection
from windlass.errors import RefusedError
from windlass.operation_names import Operation
from windlass.operations.apply.prepare import CONTAINERD, SETTINGS, containerd_reads, docker_settings
from windlass.operations.apply.start import kubelet_reads
from windlass.operations.cluster import Changes, ClusterSession

_COMPOSE = "compose.yaml"


def check_version(stored: Cluster | None, desired: Cluster) -> None:
    """RefusedError if the spec's version is not the running one: an apply never upgrades."""
    if stored is None or stored.spec.kubernetes.version == desired.spec.kubernetes.version:
        return
    before, after = stored.spec.kubernetes.version, desired.spec.kubernetes.version
    raise RefusedError(
        f"spec.kubernetes.version: cluster `{desired.name}` runs {before}, the spec says {after}; an apply never "
        f"changes it: trigger `{Operation.UPGRADE}` with version {after}, or put {before} back into the spec"
    )


def refuse_during_rollout(cluster: str, before: str, after: str) -> None:
    """RefusedError: hosts of a cluster amid a roll are at two versions or specs, and an apply knows only one."""
    if before == after:
        raise RefusedError(
            f"cluster `{cluster}` is amid the roll of a changed spec; end that first: trigger `{Operation.UPGRADE}` "
            "with that spec, which goes on from where it stopped, or without one, which goes back to the stored one"
        )
    raise RefusedError(
        f"cluster `{cluster}` is on its way from {before} to {after}; end that first: trigger `{Operation.UPGRADE}` "
        f"with version {after}, which goes on from where it stopped"
    )


def plan_apply(session: ClusterSession, facts: Mapping[str, HostFacts], pki: Pki | None) -> dict[str, Changes]:
    """Return what an apply would do on each host; an empty tuple where nothing is to be done."""
    return session.on_hosts(
        "plan", session.hosts, lambda host, conn: _plan_host(session, GatheredHost(host, conn, facts[host.name]), pki)
    )


@dataclass(frozen=True)
class GatheredHost:
    """A host, its connection, and what it said about itself."""

    host: Host
    connection: Connection
    facts: HostFacts


def _plan_host(session: ClusterSession, seen: GatheredHost, pki: Pki | None) -> Changes:
    files = render_host(session.cluster, session.release, seen.host, session.lock, session.mirror, seen.facts)
    docker = docker_settings(seen.connection, files[DOCKER_DAEMON].text)
    files = {**files, DOCKER_DAEMON: replace(files[DOCKER_DAEMON], content=docker)}
    return (
        *_installs(session, seen),
        *_files(seen, files),
        *_certificates(session, seen, pki),
        *_not_loaded(session, seen),
        *_not_running(seen, files),
    )


def _installs(session: ClusterSession, seen: GatheredHost) -> list[str]:
    desired = host_installs(session.release, seen.host)
    missing = [one.artifact for one in desired if not _is_installed(session, seen, one)]
    return [f"install {artifact.name} {artifact.version}" for artifact in missing]


def _is_installed(session: ClusterSession, seen: GatheredHost, install: Install) -> bool:
    if install.artifact.name == "docker-engine" and (seen.facts.docker_version or not session.mirror.brings_engine):
        return seen.facts.docker_version is not None
    return content_directory(session.lock.digest(install.artifact)).rpartition("/")[2] in seen.facts.artifacts


def _files(seen: GatheredHost, files: HostFiles) -> list[str]:
    drift = find_file_drift(desired_files(files), seen.connection.stat(list(files)))
    return [*(f"write {one.path}" for one in drift if not one.is_access_only), *_restored(drift)]


def _certificates(session: ClusterSession, seen: GatheredHost, pki: Pki | None) -> list[str]:
    if pki is None:
        return ["make and lay down certificates"]
    desired = desired_certificates(session.cluster, seen.host, pki)
    drift = find_file_drift(desired, seen.connection.stat(list(desired)))
    changed = [one for one in drift if not one.is_access_only]
    return [*([f"lay down {len(changed)} certificate files"] if changed else []), *_restored(drift)]


def _restored(drift: Iterable[FileDrift]) -> list[str]:
    """Return what is done about files whose content is as desired: whatever has read them need not start anew."""
    return [f"restore {one}" for one in drift if one.is_access_only]


def _not_loaded(session: ClusterSession, seen: GatheredHost) -> list[str]:
    """Return the settings and units that have not read what lies on the host now, or do not run."""
    scripts = {f"load {what}": settings_state_script(what, files) for what, files in SETTINGS.items()}
    if seen.host.is_node:
        reads = {CONTAINERD: containerd_reads(session.release), "kubelet": kubelet_reads(session.release.version)}
        scripts |= {f"start {unit}": unit_state_script(unit, *read) for unit, read in reads.items()}
    script = "".join(scripts.values())
    current = seen.connection.run(["sh", "-s"], sudo=True, stdin=script.encode()).stdout.splitlines()
    return [step for step in scripts if step.partition(" ")[2] not in current]


def _not_running(seen: GatheredHost, files: HostFiles) -> list[str]:
    desired = {
        component: digest
        for path, file in files.items()
        if path.endswith(f"/{_COMPOSE}")
        for component, digest in service_digests(file.text).items()
    }
    running = _running_digests(seen.connection) if seen.facts.docker_version not in {None, "stopped"} else {}
    started = [f"start {name}" for name, digest in desired.items() if running.get(name) != digest]
    # Windlass's own are left to the operations that know when they may go.
    gone = [name for name in running if name not in desired and name not in OWN_COMPONENTS]
    return [*started, *(f"stop {name}" for name in gone)]


_STACK, _COMPONENT, _DIGEST = (f'.Label "{name}"' for name in (PROJECT_LABEL, COMPONENT_LABEL, DIGEST_LABEL))
_RUNNING = f"{{{{if {_STACK}}}}}{{{{{_COMPONENT}}}}}={{{{{_DIGEST}}}}}{{{{end}}}}"


def _running_digests(connection: Connection) -> dict[str, str]:
    """Return the digest of each component that a stack runs; what an operation runs for a while is no stack's."""
    argv = ["docker", "ps", "--filter", f"label={COMPONENT_LABEL}", "--filter", "status=running"]
    lines = connection.run([*argv, "--format", _RUNNING], sudo=True).stdout.split()
    return {name: digest for name, _, digest in (line.partition("=") for line in lines)}


def plan_text(cluster: Cluster, plan: Mapping[str, Changes]) -> str:
    """Return the plan for people, host by host."""
    if not any(plan.values()):
        return f"cluster `{cluster.name}` is as its spec says: nothing to do on {len(plan)} hosts"
    lines = [f"cluster `{cluster.name}`, Kubernetes {cluster.spec.kubernetes.version}: what will be done"]
    for name, steps in plan.items():
        lines += [f"  {name}: {len(steps)} steps" if steps else f"  {name}: nothing"]
        lines += [f"    - {step}" for step in steps]
    return "\n".join(lines)
