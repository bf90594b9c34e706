from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.catalog import Catalog, Release
from windlass.domain.catalog.release import version_numbers
from windlass.domain.rollout import RunningVersions, check_target, path_to, skew_problems
from windlass.domain.rollout.version_skew import target_problems
from windlass.errors import RefusedError, SpecError


def release(version: str, *upgrades_from: str, etcd: str = "v3.6.16") -> Release:
    return Release(version, files={}, images={"etcd": etcd}, upgrades_from=upgrades_from)


CATALOG = Catalog(
    {
        one.version: one
        for one in (
            release("v1.35.1", "1.35"),
            release("v1.36.3", "1.35", "1.36"),
            release("v1.36.5", "1.35", "1.36"),
            release("v1.37.2", "1.36", "1.37", etcd="v3.7.3"),
            release("v1.38.0", "1.37", "1.38", etcd="v3.7.3"),
            release("v1.40.0", "1.39", "1.40", etcd="v3.7.3"),
        )
    }
)


def test_the_next_minor_release_and_patches_may_follow() -> None:
    assert check_target(CATALOG, "v1.36.3", "v1.37.2").version == "v1.37.2"
    assert check_target(CATALOG, "v1.36.3", "v1.36.5").version == "v1.36.5"


def test_the_version_that_runs_is_no_mistake() -> None:
    assert check_target(CATALOG, "v1.37.2", "v1.37.2").version == "v1.37.2"


def test_a_version_that_the_catalog_lacks_is_told_with_those_it_has() -> None:
    with pytest.raises(SpecError, match=r"no Kubernetes v1.37.9; it has: v1.35.1, v1.36.3"):
        check_target(CATALOG, "v1.36.3", "v1.37.9")


def test_going_back_is_refused_with_the_way_that_there_is() -> None:
    with pytest.raises(RefusedError, match=r"never goes back.*`disaster_recovery` with `restore_versions`"):
        check_target(CATALOG, "v1.37.2", "v1.36.3")


def test_a_skipped_minor_release_is_refused_with_the_path() -> None:
    with pytest.raises(RefusedError, match=r"upgrade to v1.37.2 then v1.38.0"):
        check_target(CATALOG, "v1.36.3", "v1.38.0")
    with pytest.raises(RefusedError, match=r"upgrade to v1.36.5 then v1.37.2"):
        check_target(CATALOG, "v1.35.1", "v1.37.2")


def test_without_a_path_the_release_that_is_missing_is_named() -> None:
    with pytest.raises(RefusedError, match=r"has none of 1.39 that may follow v1.38.0"):
        check_target(CATALOG, "v1.38.0", "v1.40.0")


@given(st.sampled_from(CATALOG.versions), st.sampled_from(CATALOG.versions))
def test_every_step_of_a_path_may_be_taken_and_climbs(running: str, target: str) -> None:
    if version_numbers(target) <= version_numbers(running):
        return
    at = running
    for step in path_to(CATALOG, running, target):
        assert check_target(CATALOG, at, step)
        assert version_numbers(at) < version_numbers(step)
        assert version_numbers(step)[1] - version_numbers(at)[1] <= 1
        at = step
    assert at in {running, target}


@pytest.mark.parametrize(
    ("running", "told"),
    [
        (
            RunningVersions(api_servers={"a": "v1.37.2", "b": "v1.36.3"}, kubelets={"a": "v1.36.3", "w": "v1.33.0"}),
            "kubelet of w",
        ),
        (RunningVersions(api_servers={"a": "v1.37.2", "b": "v1.36.3"}, kubelets={"a": "v1.37.2"}), "kubelet of a"),
        (RunningVersions(api_servers={"a": "v1.37.2", "b": "v1.35.3"}), "API servers are more than one"),
        (
            RunningVersions(api_servers={"a": "v1.36.3", "b": "v1.37.2"}, managers={"a": "v1.37.2"}),
            "controller manager of a",
        ),
        (RunningVersions(api_servers={"a": "v1.36.3"}, schedulers={"a": "v1.37.2"}), "scheduler of a"),
        (RunningVersions(api_servers={"a": "v1.36.3"}, proxies={"w": "v1.37.2"}), "kube-proxy of w"),
        (RunningVersions(api_servers={"a": "v1.40.3"}, proxies={"w": "v1.36.2"}), "kube-proxy of w"),
        (
            RunningVersions(api_servers={"a": "v1.37.2"}, managers={"a": "v1.35.3"}, schedulers={"a": "v1.37.2"}),
            "manager of a",
        ),
        (RunningVersions(etcd={"a": "v3.5.1", "b": "v3.7.3"}), "etcd members are more than one"),
    ],
)
def test_what_may_not_run_side_by_side_is_told(running: RunningVersions, told: str) -> None:
    (problem,) = skew_problems(running)
    assert told in problem


@given(st.dictionaries(st.sampled_from("abc"), st.sampled_from(["v1.36.3", "v1.37.2"]), min_size=1))
def test_what_an_upgrade_passes_through_is_allowed(servers: Mapping[str, str]) -> None:
    oldest = min(servers.values(), key=version_numbers)
    kubelets = dict.fromkeys("abcw", oldest)
    assert (
        skew_problems(RunningVersions(api_servers=servers, managers=dict.fromkeys("abc", oldest), kubelets=kubelets))
        == []
    )


@pytest.mark.parametrize(
    ("running", "told"),
    [
        (RunningVersions(kubelets={"w": "v1.33.0"}), "kubelet of w is at v1.33.0, more than 3"),
        (RunningVersions(api_servers={"a": "v1.35.0"}), "API server of a is at v1.35.0, more than one"),
        (RunningVersions(api_servers={"a": "v1.38.0"}), "API server of a is at v1.38.0, newer than the target"),
        (RunningVersions(etcd={"a": "v3.5.9"}), "etcd of a is at v3.5.9, more than one"),
        (RunningVersions(etcd={"a": "v3.8.0"}), "etcd of a is at v3.8.0, newer"),
    ],
)
def test_what_is_too_far_from_the_target_is_told(running: RunningVersions, told: str) -> None:
    (problem,) = target_problems(running, CATALOG.release("v1.37.2"))
    assert told in problem
