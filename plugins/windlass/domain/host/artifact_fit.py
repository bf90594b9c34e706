"""Whether the accepted lock has everything for a host's processor: judged artifact by artifact, not by a list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from windlass.domain.architectures import ARCHITECTURES
from windlass.domain.artifacts import Artifact, Lock
from windlass.domain.catalog import Release
from windlass.domain.host.facts import HostFacts
from windlass.domain.host.preflight import PreflightAnswer, PreflightFinding
from windlass.domain.rendering.images import MirrorAddresses
from windlass.domain.rendering.installs import installs_of, needed_images
from windlass.domain.spec.models import Cluster, Host


def check_artifacts(
    cluster: Cluster, release: Release, source: tuple[Lock, MirrorAddresses], answers: Mapping[str, PreflightAnswer]
) -> Iterator[PreflightFinding]:
    """Give a finding for each host that answered and of which something is missing, all of it by name."""
    lock, mirror = source
    for host in cluster.spec.hosts.members:
        facts = answers[host.name].facts
        if facts is None or answers[host.name].owner:
            continue
        lacks = lacking_on(cluster, release, source, host, facts)
        if lacks:
            problem = f"its processor is {facts.arch or 'unknown'}, and the lock has nothing for it of "
            named = ", ".join(map(str, lacks))
            yield PreflightFinding(host.name, problem + named, _remedy(facts.architecture, mirror, lock))


def lacking_on(
    cluster: Cluster, release: Release, source: tuple[Lock, MirrorAddresses], host: Host, facts: HostFacts
) -> tuple[Artifact, ...]:
    """Return what `host` needs, built for its architecture, that the lock does not have."""
    lock, mirror = source
    files = (one.artifact for one in installs_of(cluster, release, host, facts, mirror))
    lacks = [one for one in files if one not in lock.artifacts]
    for image in needed_images(cluster, release, host):
        is_known = image in lock.artifacts if mirror.gives_indexes else lock.has(image, facts.architecture)
        if not is_known:
            lacks.append(image)
    return tuple(lacks)


def _remedy(architecture: str, mirror: MirrorAddresses, lock: Lock) -> str:
    if architecture not in ARCHITECTURES:
        return f"use a host with one of {', '.join(ARCHITECTURES)}"
    if not mirror.files:
        return f"set WINDLASS_MIRROR_ARCHITECTURES={','.join(ARCHITECTURES)} for Airflow, and run this again"
    return (
        f"run `windlass mirror --source {lock.source} --arch {architecture}` where the mirror was filled, then "
        f"`windlass mirror accept {mirror.files}` with the digest that it tells"
    )
