"""The checks across a spec's fields: each is pure and yields what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from windlass.domain.catalog.flags import ReleaseFlags
from windlass.domain.catalog.stacks import StackTemplate
from windlass.domain.spec.checks import access, flags, hosts, network, operation, platform
from windlass.domain.spec.checks.not_there import not_there
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.problem import Problem

_CHECKS: tuple[Callable[[Cluster], Iterator[Problem]], ...] = (
    *hosts.CHECKS,
    *access.CHECKS,
    *network.CHECKS,
    *platform.CHECKS,
    *operation.CHECKS,
)


def problems(
    cluster: Cluster,
    known_versions: Sequence[str] | None = None,
    other_clusters: Sequence[Cluster] = (),
    known_stacks: Mapping[str, StackTemplate] | None = None,
    known_flags: Mapping[str, ReleaseFlags] | None = None,
) -> list[Problem]:
    """Return everything that is wrong with a spec, always in the same order.

    `known_versions`, `known_stacks` and `known_flags` are the catalog's; None leaves version, stacks, flags, and what
    is not there yet unchecked, as for a stored spec, which an earlier Windlass accepted. `other_clusters` are the specs
    whose hosts are taken; one with this cluster's own name is an older version of it and counts for nothing.
    """
    found = [problem for check in _CHECKS for problem in check(cluster)]
    if known_versions is not None:
        found += not_there(cluster)
        found += hosts.node_names(cluster)
        found += flags.problems(cluster, known_flags or {})
    found += platform.version_problems(cluster, known_versions)
    found += platform.stack_problems(cluster, known_stacks)
    found += hosts.taken_hosts(cluster, other_clusters)
    return found
