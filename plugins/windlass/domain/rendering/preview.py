"""What a spec is rendered to, before there is a host or a mirror: the Compose files of each host."""

from __future__ import annotations

from windlass.domain.catalog import Release
from windlass.domain.host.host_checks import any_lock
from windlass.domain.rendering.context import ClusterInputs, HostInputs
from windlass.domain.rendering.images import MirrorAddresses
from windlass.domain.rendering.rehearsal import made_up_facts
from windlass.domain.rendering.stacks import compose_alone, host_stacks
from windlass.domain.spec.models import Cluster

_MIRROR = MirrorAddresses("http://mirror.example:8080", "mirror.example:5000")


def preview_stacks(cluster: Cluster, release: Release) -> dict[str, dict[str, str]]:
    """Return the Compose file of each stack by host, as on a usual machine; digests of images are made up.

    SpecError if a template fails. A word stands in the place of each secret that the spec refers to.
    """
    whole, facts = ClusterInputs(cluster, release, any_lock(release), _MIRROR), made_up_facts(cluster)
    return {
        host.name: {stack: compose_alone(stack, HostInputs(whole, host, facts)) for stack in host_stacks(cluster, host)}
        for host in cluster.spec.hosts.members
    }
