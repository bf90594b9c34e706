"""The checks across a spec's fields: each is pure and yields what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from windlass.domain.spec.checks import (
    access,
    dns,
    flags,
    hosts,
    kubelet_keys,
    network,
    operation,
    people,
    platform,
    proxy_mode,
)
from windlass.domain.spec.checks import virtual_address as address_checks
from windlass.domain.spec.checks.drivers import driver_problems
from windlass.domain.spec.checks.lines import one_line_each
from windlass.domain.spec.checks.machine_settings import machine_settings
from windlass.domain.spec.checks.not_there import not_there
from windlass.domain.spec.checks.operation import environment_names
from windlass.domain.spec.known import STORED, Known
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.plain_secrets import plain_secrets
from windlass.domain.spec.problem import Problem, UnreadableSpec
from windlass.domain.spec.provider_settings import settings_problems
from windlass.domain.spec.references import reference_problems

_CHECKS: tuple[Callable[[Cluster], Iterator[Problem]], ...] = (
    *hosts.CHECKS,
    *access.CHECKS,
    *people.CHECKS,
    *network.CHECKS,
    *dns.CHECKS,
    *platform.CHECKS,
    *proxy_mode.CHECKS,
    *operation.CHECKS,
    *address_checks.CHECKS,
)


def problems(
    cluster: Cluster,
    known: Known = STORED,
    other_clusters: Sequence[Cluster] = (),
    unreadable: Sequence[UnreadableSpec] = (),
) -> list[Problem]:
    """Return everything that is wrong with a spec, always in the same order.

    `known` is what it may name. `other_clusters` are the specs whose hosts are taken; one with this cluster's own name
    is an older version of it and counts for nothing. Of those that are `unreadable` any address may be a host's.
    """
    found = [problem for check in _CHECKS for problem in check(cluster)]
    if known.versions is not None:
        found += not_there(cluster)
        found += hosts.known_provider(cluster, known.providers)
        found += settings_problems(cluster)
        found += hosts.node_names(cluster)
        found += hosts.reserved_names(cluster)
        found += access.host_authorities(cluster)
        found += people.reserved_prefixes(cluster)
        found += flags.problems(cluster, known.flags)
        found += kubelet_keys.problems(cluster, known.kubelet_keys, known.flags)
        found += machine_settings(cluster)
        found += reference_problems(cluster)
        found += plain_secrets(cluster)
        found += environment_names(cluster)
        told = {problem.path for problem in found}
        with_lines = platform.multiline_answers(cluster, known.stacks)
        found += [problem for problem in one_line_each(cluster, with_lines) if problem.path not in told]
    found += platform.version_problems(cluster, known.versions)
    found += platform.stack_problems(cluster, known.stacks)
    found += driver_problems(cluster, known.drivers)
    found += hosts.taken_hosts(cluster, other_clusters)
    found += address_checks.taken_virtual_address(cluster, other_clusters)
    found += hosts.maybe_taken_hosts(cluster, unreadable)
    return found
