"""Known flaws: which versions have them, what Debian has fixed in its own, and what that means for a release."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.catalog.test_tested import PASSED, RELEASE, record
from windlass.domain.artifacts import Artifact, Lock, Locked, lock_text, parse_lock
from windlass.domain.catalog import Release
from windlass.domain.catalog.flaws import Flaw, VersionRange
from windlass.domain.catalog.tested import is_accepted, record_of, standing
from windlass.domain.part_versions import DebianVersion, project_version
from windlass.domain.rollout.gate import GateLevel
from windlass.domain.rollout.gate_artifacts import flaws_finding
from windlass.domain.rollout.gate_result import release_finding
from windlass.effects.catalog import load_catalog
from windlass.errors import SpecError
from windlass.mirror.recipes import Recipes

INCLUDE = Path(__file__).parents[3] / "include"
CATALOG = INCLUDE / "templates" / "kubernetes"
EMPTY = Lock("modules", {})
CRITICAL = Flaw(
    "CVE-2026-1", "etcd", "critical", "it is open", "https://example.org", (VersionRange("3.0.0", "3.7.9"),)
)
VERSIONS = st.from_regex(r"\A([0-2]:)?[0-3][0-9ab~+.]{0,5}(-[0-9ab~+.]{1,4})?\Z")


def engine(revision: str, version: str = "v20.10.24") -> Lock:
    artifact = Artifact("file", "docker-engine", version)
    return Lock("modules", {artifact: Locked("sha256:1", 1, "build", revision)})


def with_old_engine() -> Release:
    """A release as it was with Debian's engine."""
    release = shipped()
    return replace(release, files={**release.files, "docker-engine": "v20.10.24"})


def shipped(version: str = "v1.37.2") -> Release:
    return load_catalog(CATALOG).release(version)


def states(release: Release, lock: Lock | None) -> dict[str, str]:
    return {one.flaw.id: one.state for one in release.found_flaws(lock)}


@given(VERSIONS, VERSIONS, VERSIONS)
def test_versions_have_one_order(one: str, two: str, three: str) -> None:
    first, second, third = sorted(map(DebianVersion, (one, two, three)))
    assert first <= second <= third
    assert first <= third
    assert (DebianVersion(one) < DebianVersion(two)) == (DebianVersion(two) > DebianVersion(one))
    if DebianVersion(one) == DebianVersion(two):
        assert hash(DebianVersion(one)) == hash(DebianVersion(two))


@given(VERSIONS, st.from_regex(r"\A[a-z]{1,3}[0-9]{1,2}\Z"))
def test_a_tilde_comes_before_and_a_plus_after(version: str, tail: str) -> None:
    assert DebianVersion(f"{version}~{tail}") < DebianVersion(version) < DebianVersion(f"{version}+{tail}")


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        ("1.1.5+ds1-1", "1.1.5+ds1-1+deb12u1"),
        ("2.6.12-1+deb12u2", "2.6.12-1+deb12u10"),
        ("20.10.24+dfsg1-1+deb12u1", "20.10.24+dfsg1-1+deb12u1+b6"),
        ("20.10.24+dfsg1-1+b3", "20.10.24+dfsg1-1+deb12u1"),
        ("9.9", "1:0.1"),
        ("1.2.0~rc1-1", "1.2.0-1"),
        ("1.2-1", "1.2a-1"),
        ("1.02", "1.10"),
    ],
)
def test_revisions_are_ordered_as_dpkg_orders_them(smaller: str, larger: str) -> None:
    assert DebianVersion(smaller) < DebianVersion(larger)
    if dpkg := shutil.which("dpkg"):
        assert subprocess.run([dpkg, "--compare-versions", smaller, "lt", larger], check=False).returncode == 0


@pytest.mark.parametrize(("smaller", "larger"), [("v1.2.0-rc.1", "1.2.0"), ("v1.9.0", "v1.10.0"), ("2.6.9", "v2.6.12")])
def test_projects_versions_are_ordered_with_candidates_before_releases(smaller: str, larger: str) -> None:
    assert project_version(smaller) < project_version(larger)
    assert project_version(larger) == project_version(larger.removeprefix("v"))


@pytest.mark.parametrize(
    ("version", "affected"),
    [("v1.1.5", True), ("v1.2.7", True), ("v1.2.8", False), ("v1.3.0-rc.1", True), ("v1.3.2", True), ("v1.5.3", False)],
)
def test_a_flaw_affects_what_its_source_says(version: str, affected: bool) -> None:  # noqa: FBT001 - one of the cases
    (flaw,) = (one for one in shipped().flaws if one.id == "CVE-2025-31133")
    assert flaw.affects(version) is affected


@pytest.mark.parametrize(
    ("revision", "state"),
    [
        ("20.10.24+dfsg1-1", "open"),
        ("20.10.24+dfsg1-1+deb12u1", "fixed"),
        ("20.10.24+dfsg1-1+deb12u1+b6", "fixed"),
        ("", "unknown"),
    ],
)
def test_what_debian_fixed_is_fixed_from_its_revision_on_and_unknown_where_nobody_said_which(
    revision: str, state: str
) -> None:
    assert states(with_old_engine(), engine(revision))["CVE-2024-41110"] == state
    assert states(with_old_engine(), engine(revision))["CVE-2026-34040"] == "open"  # Debian has not fixed that one


def test_a_release_with_a_critical_flaw_is_not_tested_whatever_its_tests_said() -> None:
    flawed = replace(RELEASE, flaws=(CRITICAL,))
    assert standing(RELEASE, record()) == "tested"
    assert standing(flawed, record()) == "flawed"
    assert not is_accepted(standing(flawed, record()))
    assert standing(flawed, None) == "untested"
    for harmless in (
        replace(CRITICAL, severity="high"),
        replace(CRITICAL, closed_by="we do not use it"),
        replace(CRITICAL, affected=(VersionRange("3.0.0", "3.7.3"),)),
        replace(CRITICAL, component="something-else"),
    ):
        assert standing(replace(RELEASE, flaws=(harmless,)), record()) == "tested"


def test_an_engine_of_a_revision_with_the_critical_flaw_makes_a_release_flawed() -> None:
    release = with_old_engine()
    tested = record_of(release, EMPTY, PASSED, "2026-11-24T00:00:00+00:00")
    assert standing(release, tested, engine("20.10.24+dfsg1-1")) == "flawed"
    assert standing(release, tested, engine("20.10.24+dfsg1-1+deb12u1")) == "tested"


def test_the_gate_names_critical_flaws_and_goes_on_only_if_told_to() -> None:
    flawed = replace(RELEASE, flaws=(CRITICAL,))
    found = release_finding(flawed, record(), EMPTY, allowed=False)
    assert found.verdict is GateLevel.BLOCKED
    assert "critical flaws: CVE-2026-1 (critical) of etcd v3.7.3: it is open; fixed in 3.7.9" in found.text
    assert release_finding(flawed, record(), EMPTY, allowed=True).verdict is GateLevel.WARNING


def test_the_gate_warns_of_every_other_flaw_and_of_none_that_is_closed_or_fixed() -> None:
    found = flaws_finding(with_old_engine(), engine("20.10.24+dfsg1-1+deb12u1"))
    assert found.verdict is GateLevel.WARNING
    assert "CVE-2026-34040 (high) of docker-engine 20.10.24" in found.text
    assert "runc" not in found.text
    assert "CVE-2024-41110" not in found.text
    assert "CVE-2025-62878" not in found.text
    assert flaws_finding(RELEASE, EMPTY).verdict is GateLevel.PASSED


def test_what_runs_containers_has_no_known_flaw() -> None:
    for version in ("v1.36.3", "v1.37.2"):
        assert not {one.flaw.component for one in shipped(version).found_flaws()} & {"runc", "docker-engine"}


def test_every_flaw_is_of_something_that_the_catalog_ships_and_says_where_it_is_from() -> None:
    catalog = load_catalog(CATALOG)
    parts = {name for one in catalog.releases.values() for name in (*one.files, *one.images)}
    flaws = shipped().flaws
    assert {flaw.component for flaw in flaws} <= parts
    assert len({flaw.id for flaw in flaws}) == len(flaws)
    assert all(flaw.source.startswith("https://") for flaw in flaws)


def test_a_flaw_that_is_closed_by_a_policy_is_closed_by_one_that_is_shipped() -> None:
    (closed,) = (one for one in shipped().found_flaws() if one.state == "closed")
    assert (closed.flaw.id, closed.flaw.component) == ("CVE-2025-62878", "local-path-provisioner")
    manifest = shipped().templates["drivers/storage/local-path/local-path.yaml.j2"]
    assert "kind: ValidatingAdmissionPolicyBinding" in manifest
    assert "'pathPattern' in object.parameters" in manifest


def test_what_is_no_list_of_flaws_is_told_with_its_line(tmp_path: Path) -> None:
    copied = tmp_path / "kubernetes"
    shutil.copytree(CATALOG, copied)
    (copied / "flaws.yaml").write_text("flaws:\n  - {id: CVE-1, component: etcd, severity: bad}\n")
    with pytest.raises(SpecError, match=r"flaws\.yaml:2: flaws\.0\.id"):
        load_catalog(copied)
    (copied / "flaws.yaml").unlink()
    assert load_catalog(copied).release("v1.37.2").found_flaws() == ()


def test_a_lock_tells_revisions_and_one_from_before_stays_the_same_text() -> None:
    told = engine("20.10.24+dfsg1-1+deb12u1")
    assert parse_lock(lock_text(told)) == told
    assert "revision" not in json.loads(lock_text(engine("")))["artifacts"]["file:docker-engine:v20.10.24"]


def test_recipes_ask_for_the_revisions_that_have_no_critical_flaw() -> None:
    recipes, release = Recipes(INCLUDE / "mirror"), shipped()
    least = {"haproxy": recipes.layer("haproxy").debian}
    for flaw in release.flaws:
        debian = least.get(flaw.component)
        if flaw.debian and flaw.severity in {"high", "critical"} and debian is not None:
            assert DebianVersion(debian.least) >= DebianVersion(flaw.debian), flaw.id
