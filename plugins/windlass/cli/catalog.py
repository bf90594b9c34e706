"""`windlass catalog`: the Kubernetes releases there are, what each is made of, whether it is tested; and a new one.

What a spec may pick besides is in `windlass.cli.catalog_entries`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from windlass.cli.lock_option import lock_if_any, text_of, the_lock
from windlass.cli.output_form import as_document, is_for_programs
from windlass.domain.artifacts import Artifact, Lock
from windlass.domain.catalog import Catalog, Release
from windlass.domain.catalog.adding import added_text, base_for, mirror_lines
from windlass.domain.catalog.parsing import CATALOG_FILE
from windlass.domain.catalog.tested import (
    SuiteOutcome,
    TestRecord,
    changed_since,
    lacking,
    read_report,
    record_of,
    standing,
)
from windlass.domain.rendering.rehearsal import rehearse
from windlass.effects.catalog import catalog_standing, load_catalog, load_record, save_record
from windlass.errors import SpecError
from windlass.mirror import cache

_FAILED = 1


def _directory(arguments: argparse.Namespace) -> Path:
    path: Path = arguments.include / "templates" / "kubernetes"
    return path


def list_releases(arguments: argparse.Namespace) -> int:
    """Print every release, whether it is tested, and what it upgrades to."""
    directory = _directory(arguments)
    catalog = load_catalog(directory)
    lock = lock_if_any(arguments.lock)
    rows = [_row(directory, catalog, version, lock) for version in catalog.versions]
    if is_for_programs(arguments):
        print(as_document(rows, arguments.output))
        return 0
    for row in rows:
        to = ", ".join(row["upgradesTo"]) or "nothing newer"
        why = _why(load_record(directory, row["version"]))
        print(f"{row['version']:<10} {row['standing']:<9} etcd {row['etcd']:<9} upgrades to {to}{why}{_flaws(row)}")
    return 0


def _why(record: TestRecord | None) -> str:
    lacks = lacking(record)
    return f"; {lacks}" if lacks else ""


def _flaws(row: Mapping[str, Any]) -> str:
    critical = f", critical: {', '.join(row['criticalFlaws'])}" if row["criticalFlaws"] else ""
    return f"; {len(row['flaws'])} known flaws{critical}" if row["flaws"] else ""


def _row(directory: Path, catalog: Catalog, version: str, lock: Lock | None) -> dict[str, Any]:
    release = catalog.release(version)
    flaws = release.found_flaws(lock)
    return {
        "version": version,
        "standing": catalog_standing(directory, release, lock),
        "etcd": release.images["etcd"],
        "flaws": [one.flaw.id for one in flaws if one.is_there],
        "criticalFlaws": [one.flaw.id for one in flaws if one.is_critical],
        "upgradesFrom": list(release.upgrades_from),
        "upgradesTo": [one.version for one in catalog.upgrades_of(version)],
    }


def show_release(arguments: argparse.Namespace) -> int:
    """Print what one release is made of."""
    directory = _directory(arguments)
    release = load_catalog(directory).release(arguments.version)
    record, lock = load_record(directory, release.version), lock_if_any(arguments.lock)
    print(f"Kubernetes {release.version}: {standing(release, record, lock)}{_why(record)}")
    if record is not None:
        outcome = record.end_to_end
        print(f"  tested {record.date}: {outcome.passed} passed, {outcome.failed} failed, {outcome.skipped} skipped")
        print(f"  parts {record.parts}, artifacts from `{record.source}`")
        if record.drivers:
            print(f"  with the drivers {', '.join(record.drivers)}")
        if changed := changed_since(release, record, lock):
            print(f"  changed since: {', '.join(changed)}")
    print(f"  upgrades from {', '.join(release.upgrades_from)}")
    for title, parts in (("files", release.files), ("images", release.images)):
        print(f"{title}:")
        for name, version in parts.items():
            print(f"  {name:<26} {version:<10} {_recorded(record.artifacts if record else {}, title, name, version)}")
    for found in release.found_flaws(lock):
        print(f"flaw, {found.state}: {found.text}")
    for removed in release.removed_apis:
        print(f"removes {removed.api_version} ({', '.join(removed.kinds)}): use {removed.use}")
    for note in release.notes:
        print(f"note: {note}")
    return 0


def _recorded(artifacts: Mapping[str, str], title: str, name: str, version: str) -> str:
    return artifacts.get(f"{title.removesuffix('s')}:{name}:{version}", "")


def verify_release(arguments: argparse.Namespace) -> int:
    """Render a release for every topology, check its artifacts, and record its tests where their reports are given."""
    directory = _directory(arguments)
    release = load_catalog(directory).release(arguments.version)
    lock = the_lock(arguments.lock)
    problems = [f"artifact: {problem}" for problem in _artifact_problems(release, lock, is_here=arguments.lock is None)]
    rehearsals = list(rehearse(release, lock))
    problems += [f"rendering ({one.name}): {one.problem}" for one in rehearsals if one.problem]
    flaws = release.found_flaws(lock)
    problems += [f"flaw: {one.text}" for one in flaws if one.is_critical]
    for problem in problems:
        print(problem)
    for flaw in flaws:
        if flaw.is_there and not flaw.is_critical:
            print(f"known flaw: {flaw.text}")
    print(f"{release.version}: {len(rehearsals)} renderings, {_count(release)} artifacts: {len(problems)} problems")
    if problems:
        return _FAILED
    if arguments.results is None:
        record = load_record(directory, release.version)
        stands = f"{standing(release, record, lock)}{_why(record)}"
        print(f"{release.version}: {stands}; --results records the end-to-end tests")
        return 0
    reports = [read_report(text_of(path), str(path), release.version) for path in arguments.results]
    outcome = sum(reports, SuiteOutcome(0, 0))
    if outcome.lacks and not outcome.failed:
        print(f"{release.version}: nothing is recorded: no test passed on it of {', '.join(outcome.lacks)}")
        return _FAILED
    path = save_record(directory, record_of(release, lock, outcome, datetime.now(UTC).isoformat(timespec="seconds")))
    print(f"{path}: {outcome.passed} passed, {outcome.failed} failed, {outcome.skipped} skipped")
    return _FAILED if outcome.failed or not outcome.passed else 0


def _artifact_problems(release: Release, lock: Lock, *, is_here: bool) -> list[str]:
    """Return each artifact of the release that the lock does not know, or the mirror here does not hold as locked."""
    problems = []
    for artifact in _artifacts(release):
        if artifact not in lock.artifacts:
            problems.append(f"{artifact} is not in the lock of the source `{lock.source}`")
        elif is_here and not _is_held(artifact, lock):
            problems.append(f"{artifact} is not in the mirror on this machine as its lock says")
    return problems


def _is_held(artifact: Artifact, lock: Lock) -> bool:
    source_cache = cache.source_cache(lock.source)
    record = source_cache.record(artifact)
    return (
        record is not None
        and record.locked.digest == lock.digest(artifact)
        and source_cache.state(artifact, record.recipe) == "cached"
    )


def _artifacts(release: Release) -> list[Artifact]:
    files = [Artifact("file", name, version) for name, version in release.files.items()]
    return files + [Artifact("image", name, version) for name, version in release.images.items()]


def _count(release: Release) -> int:
    return len(_artifacts(release))


def add_release(arguments: argparse.Namespace) -> int:
    """Write a patch release: the one before it with other versions."""
    directory, version = _directory(arguments), arguments.version
    catalog = load_catalog(directory)
    base, changes = base_for(catalog, version), _changes(arguments.set)
    text = added_text(text_of(directory / base.version / CATALOG_FILE), base, version, changes)
    target = directory / version / CATALOG_FILE
    target.parent.mkdir(exist_ok=True)
    target.write_text(text, encoding="utf-8")
    load_catalog(directory)
    listed = arguments.include / "mirror" / "artifacts.yaml"
    lines = mirror_lines(text_of(listed), version, changes) if listed.exists() else ""
    if lines:
        with listed.open("a", encoding="utf-8") as file:
            file.write(lines)
    print(f"{target}: {version}, from {base.version}; untested")
    print(f"next: `windlass mirror`, then `windlass catalog verify {version}`; see docs/catalog.md")
    return 0


def _changes(words: Sequence[str]) -> dict[str, str]:
    changes = {}
    for word in words:
        name, separator, version = word.partition("=")
        if not separator or not name or not version:
            raise SpecError(f"--set {word}: write NAME=VERSION, such as etcd=v3.7.4")
        changes[name] = version
    return changes
