"""An engine that Windlass brought is of the cluster's release; one of the host's own stays as it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from unit.rollout.conftest import CATALOG, LOCK, MIRROR, OLD
from unit.rollout.test_rollout_plan import OVERLAPPING, cluster
from windlass.domain.artifacts import Lock, Locked
from windlass.domain.catalog import Release
from windlass.domain.host.desired import DesiredHost, desired_host
from windlass.domain.host.drift import HostDrift, find_host_drift
from windlass.domain.host.facts import HostFacts, parse_facts
from windlass.domain.host.file_drift import FileState
from windlass.domain.host.layout import ENGINE_UNIT
from windlass.domain.host.observed import LoadedFiles, ObservedHost, ObservedUnit
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.rendering.context import ClusterInputs, HostInputs
from windlass.domain.rollout.plan import HOST, HostState, plan_rollout
from windlass.domain.rollout.stale import host_state
from windlass.domain.spec.version import at_version

SPEC = at_version(cluster(OVERLAPPING), OLD)
OURS = parse_facts("arch=x86_64\ncgroup=2\ncpus=2\ndocker=29.8.1\ndocker_from=windlass\ncomplete=yes")
OWN = replace(OURS, brought_engine=False)
RELEASE = CATALOG.release(OLD)
NEWER = replace(RELEASE, files={**RELEASE.files, "docker-engine": "v30.0.0"})
NEWER_LOCK = Lock(
    LOCK.source, {**LOCK.artifacts, NEWER.artifact("file", "docker-engine"): Locked(f"sha256:{30:064x}", 1, "build")}
)
CURRENT = LoadedFiles("1", "1")
ENGINE = f"docker-engine {RELEASE.files['docker-engine']} -> v30.0.0"


class WithoutEngine(MirrorAddresses):
    """Addresses from which hosts get all but an engine."""

    brings_engine = False


def desired(release: Release, facts: HostFacts, name: str = "cp-1", mirror: MirrorAddresses = MIRROR) -> DesiredHost:
    host = next(one for one in SPEC.spec.hosts.members if one.name == name)
    return desired_host(HostInputs(ClusterInputs(SPEC, release, NEWER_LOCK, mirror), host, facts), {}, None)


def as_it_was(facts: HostFacts, name: str = "cp-1") -> ObservedHost:
    """A host on which all is as the older release has it, but for containers, which nobody is asked about here."""
    was = desired(RELEASE, facts, name)
    return ObservedHost(
        name,
        facts,
        programs=frozenset(one.directory for one in was.programs if one.directory),
        links={one.path: one.target for one in was.links},
        files={path: FileState(str(file.content), file.mode, file.owner, "0:0") for path, file in was.files.items()},
        settings=dict.fromkeys(was.settings, CURRENT),
        units={unit.name: ObservedUnit("active", CURRENT) for unit in was.units},
        versions={unit.component: unit.version for unit in was.units},
        containers={},
    )


def drift(facts: HostFacts, release: Release = NEWER, name: str = "cp-1") -> HostDrift:
    return replace(find_host_drift(desired(release, facts, name), as_it_was(facts, name)), services=())


def test_a_newer_release_has_the_engine_of_windlass_fetched_and_started_again() -> None:
    found = drift(OURS)
    assert [str(one) for one in found.programs] == ["docker-engine v30.0.0"]
    assert [one.path for one in found.files] == [ENGINE_UNIT]
    assert [unit.unit.name for unit in found.units] == ["docker"]
    assert host_state(found).stale == {"docker-engine": ENGINE}
    assert found.other_version == f"docker-engine {RELEASE.files['docker-engine']}"


def test_an_engine_of_the_hosts_own_is_no_part_of_a_release() -> None:
    assert drift(OWN).is_empty
    assert ENGINE_UNIT not in desired(NEWER, OWN).files


def test_a_host_that_is_as_its_release_has_it_has_nothing_to_do() -> None:
    assert drift(OURS, RELEASE).is_empty


def test_without_a_mirror_that_has_the_engine_it_stays_as_it_is() -> None:
    found = desired(RELEASE, OURS, mirror=WithoutEngine(MIRROR.files, MIRROR.registry))
    assert ENGINE_UNIT not in found.files
    assert "docker" not in {unit.name for unit in found.units}


@pytest.mark.parametrize("part", ["engine", "containerd"])
def test_an_engine_starts_again_for_the_containerd_that_it_starts_too(part: str) -> None:
    name = {"engine": "docker-engine", "containerd": "containerd"}[part]
    other = replace(RELEASE, files={**RELEASE.files, name: "v99.0.0"})
    lock = Lock(LOCK.source, {**LOCK.artifacts, other.artifact("file", name): Locked(f"sha256:{99:064x}", 1, "build")})
    host = SPEC.spec.hosts.members[0]
    wanted = desired_host(HostInputs(ClusterInputs(SPEC, other, lock, MIRROR), host, OURS), {}, None)
    assert "docker" in {unit.unit.name for unit in find_host_drift(wanted, as_it_was(OURS)).units}


def test_hosts_change_their_engines_one_by_one_and_no_node_is_drained_for_it() -> None:
    states = {host.name: host_state(drift(OURS, name=host.name)) for host in SPEC.spec.hosts.members}
    steps = [step for step in plan_rollout(SPEC, states, leader="cp-1", add_ons=()) if step.kind == HOST]
    assert [step.hosts for step in steps] == [(name,) for name in sorted(states)]
    assert [step.does for step in steps] == [(f"{name}: {ENGINE}",) for name in sorted(states)]
    assert not any(step.drains for step in steps)
    assert all(
        isinstance(state, HostState) and state.missing == ("docker-engine v30.0.0",) for state in states.values()
    )
