from __future__ import annotations

from dataclasses import replace

import pytest

from windlass.domain.artifacts import Artifact, Lock, Locked
from windlass.domain.catalog import Release
from windlass.domain.catalog.tested import Outcome, TestRecord, is_accepted, read_report, record_of, standing
from windlass.errors import IntegrityError, SpecError

RELEASE = Release("v1.37.2", {"kubelet": "v1.37.2"}, {"etcd": "v3.7.3"}, ("1.36",), templates={"a.j2": "text"})
ETCD = Artifact("image", "etcd", "v3.7.3")
LOCK = Lock(
    "modules", {ETCD: Locked("sha256:1", 1, "build"), Artifact("file", "x", "v1"): Locked("sha256:2", 1, "build")}
)
PASSED = Outcome(12, 0)


def record(outcome: Outcome = PASSED) -> TestRecord:
    return record_of(RELEASE, LOCK, outcome, "2026-11-24T00:00:00+00:00")


@pytest.mark.parametrize(
    ("release", "of", "stands", "accepted"),
    [
        (RELEASE, record(), "tested", True),
        (replace(RELEASE, templates={"a.j2": "other"}), record(), "changed", True),
        (replace(RELEASE, images={"etcd": "v3.7.4"}), record(), "untested", False),
        (RELEASE, record(Outcome(11, 1)), "failed", False),
        (RELEASE, record(Outcome(0, 0, 12)), "failed", False),
        (RELEASE, None, "untested", False),
    ],
)
def test_a_release_stands_by_its_record(
    release: Release, of: TestRecord | None, stands: str, *, accepted: bool
) -> None:
    assert standing(release, of) == stands
    assert is_accepted(standing(release, of)) is accepted


def test_a_record_names_the_digest_of_each_artifact_that_was_tested() -> None:
    assert record().artifacts == {"image:etcd:v3.7.3": "sha256:1"}
    assert TestRecord.from_text(record().to_text(), "tested.json") == record()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1}'])
def test_what_is_no_record_is_told(text: str) -> None:
    with pytest.raises(IntegrityError, match=r"tested.json: no record"):
        TestRecord.from_text(text, "tested.json")


def test_a_report_of_tests_is_counted() -> None:
    cases = '<testcase classname="a" name="b"/>' * 2 + '<testcase classname="a" name="c"><failure/></testcase>'
    report = f"<testsuites><testsuite>{cases}<testcase name='d'><skipped/></testcase></testsuite></testsuites>"
    assert read_report(report, "report") == Outcome(2, 1, 1, ("a.c",))
    with pytest.raises(SpecError, match="report: no report"):
        read_report("nothing", "report")
