from __future__ import annotations

import json
from dataclasses import replace

import pytest

from windlass.domain.artifacts import Artifact, Lock, Locked
from windlass.domain.catalog import Driver, Drivers, Release
from windlass.domain.catalog.tested import (
    PROOF,
    SuiteOutcome,
    TestRecord,
    changed_since,
    is_accepted,
    lacking,
    read_report,
    record_of,
    standing,
)
from windlass.errors import IntegrityError, SpecError

RELEASE = Release("v1.37.2", {"kubelet": "v1.37.2"}, {"etcd": "v3.7.3"}, ("1.36",), templates={"a.j2": "text"})
ETCD = Artifact("image", "etcd", "v3.7.3")
LOCK = Lock(
    "modules", {ETCD: Locked("sha256:1", 1, "build"), Artifact("file", "x", "v1"): Locked("sha256:2", 1, "build")}
)
PASSED = SuiteOutcome(12, 0, modules=tuple(PROOF))
WITHOUT_DRILL = replace(PASSED, modules=("test_create", "test_recovery", "test_upgrade"))


def record(outcome: SuiteOutcome = PASSED) -> TestRecord:
    return record_of(RELEASE, LOCK, outcome, "2026-11-24T00:00:00+00:00")


@pytest.mark.parametrize(
    ("release", "of", "stands", "accepted"),
    [
        (RELEASE, record(), "tested", True),
        (replace(RELEASE, templates={"a.j2": "other"}), record(), "changed", True),
        (replace(RELEASE, images={"etcd": "v3.7.4"}), record(), "untested", False),
        (RELEASE, record(SuiteOutcome(11, 1)), "failed", False),
        (RELEASE, record(SuiteOutcome(0, 0, 12)), "failed", False),
        (RELEASE, record(WITHOUT_DRILL), "untested", False),
        (RELEASE, None, "untested", False),
    ],
)
def test_a_release_stands_by_its_record(
    release: Release, of: TestRecord | None, stands: str, *, accepted: bool
) -> None:
    assert standing(release, of) == stands
    assert is_accepted(standing(release, of)) is accepted


def lock(digest: str, source: str = "modules", version: str = "v3.7.3") -> Lock:
    return Lock(source, {Artifact("image", "etcd", version): Locked(digest, 1, "build")})


@pytest.mark.parametrize(
    ("has", "stands"),
    [
        (None, "tested"),
        (lock("sha256:1"), "tested"),
        (lock("sha256:9"), "changed"),
        (lock("sha256:9", "official"), "tested"),
        (lock("sha256:9", version="v3.7.2"), "tested"),
    ],
)
def test_other_bytes_of_the_same_source_are_a_change(has: Lock | None, stands: str) -> None:
    assert standing(RELEASE, record(), has) == stands


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_a_further_architecture_changes_nothing_that_was_tested(architecture: str) -> None:
    manifests = {"amd64": "sha256:1", "arm64": "sha256:2"}
    tested = {architecture: manifests[architecture], "other": "sha256:0"}
    both = {
        ETCD: Locked("sha256:9", 1, "build", manifests=tested),
        Artifact("file", "etcd", "v3.7.3", "arm64"): Locked("sha256:8", 1, "build"),
    }
    stands = "tested" if architecture == "amd64" else "changed"
    assert standing(RELEASE, record(), Lock("modules", both)) == stands


def test_a_record_of_a_mirror_for_several_names_what_was_tested() -> None:
    both = Locked("sha256:9", 1, "build", manifests={"amd64": "sha256:1", "arm64": "sha256:2"})
    known = {ETCD: both, RELEASE.artifact("file", "kubelet").on("arm64"): Locked("sha256:3", 1, "build")}
    assert record_of(RELEASE, Lock("modules", known), PASSED, "2026-11-30").artifacts == {
        "image:etcd:v3.7.3": "sha256:1"
    }


def test_what_has_changed_is_named() -> None:
    other = replace(RELEASE, templates={"a.j2": "other"})
    assert changed_since(other, record(), lock("sha256:9")) == ("templates", "image:etcd:v3.7.3")
    assert changed_since(RELEASE, record(), lock("sha256:1")) == ()


def test_a_record_names_the_digest_of_each_artifact_that_was_tested() -> None:
    assert record().artifacts == {"image:etcd:v3.7.3": "sha256:1"}
    assert TestRecord.from_text(record().to_text(), "tested.json") == record()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1}'])
def test_what_is_no_record_is_told(text: str) -> None:
    with pytest.raises(IntegrityError, match=r"tested.json: no record"):
        TestRecord.from_text(text, "tested.json")


def case(module: str, *, on: str = "v1.37.2", end: str = "", drivers: str = "") -> str:
    told = f'<property name="kubernetes" value="{on}"/><property name="drivers" value="{drivers}"/>'
    told = f"<properties>{told}</properties>"
    return f'<testcase classname="tests.e2e.{module}" name="a">{told}{end}</testcase>'


def suite(*cases: str) -> str:
    return f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>"


def test_a_report_of_tests_is_counted() -> None:
    report = suite(
        case("test_create"),
        case("test_apply"),
        case("test_upgrade", on="v1.36.3 v1.37.2"),
        case("test_recovery", end="<failure/>"),
        case("test_delete", end="<skipped/>"),
    )
    failed = ("tests.e2e.test_recovery.a",)
    assert read_report(report, "report", "v1.37.2") == SuiteOutcome(3, 1, 1, failed, ("test_create", "test_upgrade"))
    with pytest.raises(SpecError, match="report: no report"):
        read_report("nothing", "report", "v1.37.2")


def test_of_a_report_what_ran_on_the_release_counts() -> None:
    report = suite(case("test_create"), case("test_upgrade", on="v1.36.3 v1.37.2"), '<testcase name="b"/>')
    assert read_report(report, "report", "v1.36.3") == SuiteOutcome(1, 0, modules=("test_upgrade",))


def test_reports_add_up_to_a_proof() -> None:
    one = read_report(suite(case("test_create"), case("test_upgrade")), "report", "v1.37.2")
    assert one.lacks == ("test_recovery", "test_drill")
    assert (one + read_report(suite(case("test_recovery"), case("test_drill")), "report", "v1.37.2")).lacks == ()


def test_a_record_from_before_drills_were_asked_for_is_read_and_is_no_verification() -> None:
    stored = TestRecord.from_text(record(WITHOUT_DRILL).to_text(), "tested.json")
    assert lacking(stored) == "not verified: no drill"
    assert lacking(record()) == lacking(None) == ""


@pytest.mark.parametrize("end", ["<failure/>", "<skipped/>"])
def test_a_drill_that_did_not_pass_is_none(end: str) -> None:
    report = read_report(suite(case("test_drill", end=end)), "report", "v1.37.2")
    assert "test_drill" in report.lacks


def test_a_drill_of_another_release_is_none() -> None:
    assert "test_drill" in read_report(suite(case("test_drill", on="v1.36.3")), "report", "v1.37.2").lacks


FLANNEL = Driver("network", "flannel", "flannel", "A network.", templates={"flannel.yaml.j2": "text"})
WITH_FLANNEL = RELEASE.with_drivers(Drivers({FLANNEL.id: FLANNEL}))


class TestDrivers:
    def test_with_which_tests_passed_are_recorded(self) -> None:
        report = suite(
            case("test_create", drivers="network/flannel dns/gone"),
            case("test_choices", drivers="storage/other", end="<failure/>"),
        )
        outcome = read_report(report, "report", "v1.37.2")
        assert outcome.drivers == ("dns/gone", "network/flannel")
        recorded = record_of(WITH_FLANNEL, LOCK, outcome, "2026-11-30")
        assert recorded.drivers == {"network/flannel": FLANNEL.digest}
        assert TestRecord.from_text(recorded.to_text(), "tested.json") == recorded

    def test_that_are_others_since_are_named(self) -> None:
        recorded = record_of(WITH_FLANNEL, LOCK, replace(PASSED, drivers=("network/flannel",)), "2026-11-30")
        changed = replace(FLANNEL, templates={"flannel.yaml.j2": "other"})
        release = RELEASE.with_drivers(Drivers({FLANNEL.id: changed}))
        assert changed_since(WITH_FLANNEL, recorded) == ()
        assert changed_since(release, recorded) == ("driver network/flannel",)
        assert standing(release, recorded) == "changed"

    def test_that_nobody_tested_change_nothing_about_a_record(self) -> None:
        assert changed_since(WITH_FLANNEL, record()) == ()

    def test_are_none_in_a_record_of_before(self) -> None:
        document = json.loads(record().to_text())
        del document["drivers"], document["end_to_end"]["drivers"]
        assert TestRecord.from_text(json.dumps(document), "tested.json") == record()
