"""Whether a release is tested: a record of its tests, and of what exactly was tested, by digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal
from xml.etree import ElementTree as ET

from windlass.domain.architectures import AMD64
from windlass.domain.artifacts import Artifact, Lock, Locked
from windlass.domain.bounded import shown
from windlass.domain.catalog.release import Release
from windlass.errors import MALFORMED, IntegrityError, SpecError

RECORD_FILE = "tested.json"
RELEASE_PROPERTY = "kubernetes"
"""In a report of tests, on each test: the releases that it ran on, separated by spaces."""
DRIVERS_PROPERTY = "drivers"
"""The same for the drivers of the cluster that it ran on, each as slot and name."""
PROOF = {"test_create": "creation", "test_recovery": "recovery", "test_upgrade": "upgrade", "test_drill": "drill"}
"""Tests without which a record says too little, and what a person calls each: a cluster is made, is brought back from
nothing, is upgraded, and a drill proves a bundle of it."""
Standing = Literal["tested", "changed", "failed", "untested", "flawed"]


@dataclass(frozen=True)
class SuiteOutcome:
    """How many tests ended how, and which failed."""

    passed: int
    failed: int
    skipped: int = 0
    failures: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    """The modules of those that passed."""
    drivers: tuple[str, ...] = ()
    """The drivers with which some passed, each as slot and name."""

    def __add__(self, other: SuiteOutcome) -> SuiteOutcome:
        return SuiteOutcome(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
            (*self.failures, *other.failures),
            tuple(sorted({*self.modules, *other.modules})),
            tuple(sorted({*self.drivers, *other.drivers})),
        )

    @property
    def lacks(self) -> tuple[str, ...]:
        """Return the modules that a record must have and of which nothing passed."""
        return tuple(module for module in PROOF if module not in self.modules)


@dataclass(frozen=True)
class TestRecord:
    """What was tested of a release, when, and how that ended."""

    __test__ = False  # it is no test

    version: str
    date: str
    parts: str
    """Digest of the versions that the release is made of, and of what it may be upgraded from."""
    templates: str
    """Digest of its templates."""
    end_to_end: SuiteOutcome
    source: str
    """Source of the artifacts that were tested."""
    artifacts: Mapping[str, str] = field(default_factory=dict)
    """Digest of each artifact that was tested."""
    drivers: Mapping[str, str] = field(default_factory=dict)
    """Digest of each driver with which tests passed; empty in a record from before drivers were told."""

    def to_text(self) -> str:
        """Write the record as JSON."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_text(cls, text: str, where: str) -> TestRecord:
        """Read what `to_text` wrote; IntegrityError if it is something else."""
        try:
            document: dict[str, Any] = json.loads(text)
            outcome = document["end_to_end"]
            lists = {name: tuple(outcome[name]) for name in ("failures", "modules")}
            lists["drivers"] = tuple(outcome.get("drivers", ()))
            end_to_end = SuiteOutcome(**{**outcome, **lists})
            return cls(**{**document, "end_to_end": end_to_end})
        except MALFORMED as error:
            raise IntegrityError(
                f"{where}: no record of tests ({shown(error)}); `windlass catalog verify` writes one"
            ) from error


def record_of(release: Release, lock: Lock, end_to_end: SuiteOutcome, date: str) -> TestRecord:
    """Return the record of tests that `release` has just gone through."""
    desired = set(_artifacts(release))
    digests = {
        str(artifact): _tested_digest(locked)
        for artifact, locked in sorted(lock.artifacts.items())
        if artifact in desired
    }
    parts, templates = parts_digest(release), templates_digest(release)
    drivers = {key: digest for key, digest in _driver_digests(release).items() if key in end_to_end.drivers}
    return TestRecord(release.version, date, parts, templates, end_to_end, lock.source, digests, drivers)


def _driver_digests(release: Release) -> dict[str, str]:
    return {one.key: one.digest for one in sorted(release.drivers.loaded.values(), key=lambda one: one.id)}


def _tested_digest(locked: Locked) -> str:
    """Return the digest of what hosts of amd64 get, on which releases are tested, whatever else an image has."""
    return locked.digest_on(AMD64) or locked.digest


def standing(release: Release, record: TestRecord | None, lock: Lock | None = None) -> Standing:
    """Say how a release stands; `changed`: it passed, and its templates, or bytes in `lock`, are others since.

    `untested` is also one whose record lacks a test that a record must have; `flawed` one with a critical flaw that is
    known and that nothing closes, whatever its tests said.
    """
    if record is None or record.parts != parts_digest(release) or record.version != release.version:
        return "untested"
    if record.end_to_end.failed or not record.end_to_end.passed:
        return "failed"
    if record.end_to_end.lacks:
        return "untested"
    if any(one.is_critical for one in release.found_flaws(lock)):
        return "flawed"
    return "changed" if changed_since(release, record, lock) else "tested"


def lacking(record: TestRecord | None) -> str:
    """Say what a record that tells of no failure lacks to count: `not verified: no drill`; empty if nothing.

    A record from before some test was asked for is read, and lacks it.
    """
    if record is None or record.end_to_end.failed or not record.end_to_end.lacks:
        return ""
    return f"not verified: {', '.join(f'no {PROOF[module]}' for module in record.end_to_end.lacks)}"


def changed_since(release: Release, record: TestRecord, lock: Lock | None = None) -> tuple[str, ...]:
    """Name what is not as it was tested: templates, drivers, and artifacts that have another digest in the lock.

    Another source has other bytes by its nature, so only a lock of the source that was tested is compared.
    """
    templates: tuple[str, ...] = () if record.templates == templates_digest(release) else ("templates",)
    drivers = _driver_digests(release)
    templates += tuple(f"driver {key}" for key, digest in record.drivers.items() if drivers.get(key, digest) != digest)
    if lock is None or lock.source != record.source:
        return templates
    now = {str(artifact): _tested_digest(locked) for artifact, locked in lock.artifacts.items()}
    return (*templates, *(name for name, digest in sorted(record.artifacts.items()) if now.get(name, digest) != digest))


def is_accepted(of: Standing) -> bool:
    """Whether a cluster may move to a release that stands so without being told to."""
    return of in {"tested", "changed"}


def parts_digest(release: Release) -> str:
    """Return the digest of what a release is made of."""
    parts = {
        "version": release.version,
        "files": dict(release.files),
        "images": dict(release.images),
        "upgrades_from": list(release.upgrades_from),
    }
    return _digest(json.dumps(parts, sort_keys=True))


def templates_digest(release: Release) -> str:
    """Return the digest of all templates of a release but those of drivers, of which each has its own, and of stacks.

    What a spec may pick besides says nothing of a release: some of it is one's own.
    """
    picked = ("drivers/", *(f"stacks/{name}/" for name in release.stacks))
    own = {path: text for path, text in release.templates.items() if not path.startswith(picked)}
    return _digest(json.dumps(own, sort_keys=True))


def read_report(text: str, where: str, version: str) -> SuiteOutcome:
    """Read the report of a test run in JUnit's form: those of its tests that ran on `version`. SpecError if it is none.

    A test says by the property `kubernetes` which releases it ran on; one that does not say so proves nothing of any.
    """
    try:
        root = ET.fromstring(text)  # noqa: S314 - see above
    except ET.ParseError as error:
        raise SpecError(f"{where}: no report in JUnit's form: {error}; make one by `pytest --junit-xml`") from error
    cases = (case for case in root.iter("testcase") if version in _told(case, RELEASE_PROPERTY))
    return sum(map(_outcome, cases), SuiteOutcome(0, 0))


def _told(case: ET.Element, name: str) -> list[str]:
    found = [one.get("value", "") for one in case.iter("property") if one.get("name") == name]
    return " ".join(found).split()


def _outcome(case: ET.Element) -> SuiteOutcome:
    if case.find("failure") is not None or case.find("error") is not None:
        return SuiteOutcome(0, 1, 0, (f"{case.get('classname')}.{case.get('name')}",))
    if case.find("skipped") is not None:
        return SuiteOutcome(0, 0, 1)
    modules = tuple(part for part in case.get("classname", "").split(".") if part in PROOF)
    return SuiteOutcome(1, 0, modules=modules, drivers=tuple(sorted(set(_told(case, DRIVERS_PROPERTY)))))


def _artifacts(release: Release) -> list[Artifact]:
    files = [Artifact("file", name, version) for name, version in release.files.items()]
    return files + [Artifact("image", name, version) for name, version in release.images.items()]


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
