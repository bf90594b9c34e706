"""How clusters stand to the files that have their specs, and which specs are to be applied. Nothing is changed here.

No cluster is deleted because its file is gone: a file is lost more easily than a cluster should be (a rename, a wrong
branch, a folder that moved), and a deletion takes the cluster's name typed once more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from windlass.domain.spec import diff_clusters
from windlass.domain.spec.private import FINGERPRINT_DIGITS
from windlass.domain.sync import Followed, SpecFile, read_files, standing_of
from windlass.effects.store import Store, list_clusters
from windlass.effects.store.followed import read_followed, save_followed
from windlass.errors import IntegrityError, RefusedError, SpecError
from windlass.operation_names import Operation
from windlass.operations.run import ClusterRun, Tell

_MOST_TOLD = 20
_WRONG = (SpecError, RefusedError, IntegrityError)
"""What is about one file or one cluster, and passes with no other look."""


@dataclass(frozen=True)
class SpecSource:
    """Files at one moment, and where they are from."""

    name: str
    """What tells it from others, for people too: an address, or a folder."""
    revision: str
    texts: Mapping[str, str]
    wrong: Mapping[str, str]
    """Why files cannot be read, by path."""
    is_followed: bool = True
    """Whether clusters are brought to it; of another branch is only shown what it would do."""


@dataclass(frozen=True)
class Look:
    """How all clusters stand to a source, and the specs to apply."""

    clusters: tuple[Mapping[str, Any], ...]
    """A line each: `cluster`, `file`, `state` (as `State`, or wrong, or gone), and what belongs to it."""
    to_apply: tuple[tuple[SpecFile, int], ...]
    """Each with how many texts its cluster has been brought to, so that one that comes again is another."""

    def value(self) -> dict[str, Any]:
        """Return the counts by state, and the lines."""
        states = [str(one["state"]) for one in self.clusters]
        return {"counts": {one: states.count(one) for one in sorted(set(states))}, "clusters": list(self.clusters)}


def look_at(
    source: SpecSource, store: Store, run_of: Callable[[str], ClusterRun], alert: Alert, *, puts_back: bool
) -> Look:
    """Compare every spec of a source with its cluster; one that is wrong hides no other.

    `run_of` gives the run at a cluster. People are told once of each cluster that has drifted or whose file is gone.
    """
    files = read_files(source.texts)
    wrong = {**source.wrong, **files.wrong}
    lines: list[dict[str, Any]] = [{"file": path, "state": "wrong", "text": text} for path, text in wrong.items()]
    to_apply = []
    for one in files.specs:
        run = run_of(one.cluster)
        line, is_applied = _compare(source, one, run, alert, puts_back=puts_back)
        lines.append(line)
        if is_applied:
            followed = read_followed(run.store, run.name)
            to_apply.append((one, followed.number if followed else 0))
    known = {one.cluster for one in files.specs}
    lines += _gone(source, wrong, (run_of(name) for name in list_clusters(store) if name not in known), alert)
    return Look(tuple(sorted(lines, key=lambda one: (str(one["file"]), one["state"]))), tuple(to_apply))


Alert = Callable[[ClusterRun, str], None]
"""Tells people of a cluster."""


def _compare(
    source: SpecSource, one: SpecFile, run: ClusterRun, alert: Alert, *, puts_back: bool
) -> tuple[dict[str, Any], bool]:
    line: dict[str, Any] = {"file": one.path, "cluster": one.cluster}
    try:
        desired, stored, followed = run.desired(one.text), run.stored(), read_followed(run.store, run.name)
        is_stored = stored is not None and run.records.created() is not None
    except _WRONG as error:
        return {**line, "state": "wrong", "text": str(error)}, False
    found = diff_clusters(stored, desired) if stored is not None else ()
    changes = [change.told(lambda text: run.keys.fingerprint(run.name, text)[:FINGERPRINT_DIGITS]) for change in found]
    standing = standing_of(
        is_stored=is_stored, changes=changes, digest=one.digest, followed=followed, puts_back=puts_back
    )
    if source.is_followed and standing.state == "in sync":
        _note(run, Followed(source.name, one.path, source.revision, one.digest), followed)
    if source.is_followed and standing.state == "drifted" and followed is not None:
        text = _drift_text(source, one, changes, puts_back=puts_back)
        _tell_once(run, followed, text, alert)
    return {**line, "state": standing.state, "changes": changes[:_MOST_TOLD]}, standing.is_applied


def _note(run: ClusterRun, now: Followed, before: Followed | None) -> None:
    """Note that a cluster is as its file says; a revision that changed nothing of it is no news."""
    if before is None:
        save_followed(run.store, run.name, now)
        return
    is_other = (before.source, before.path, before.digest) != (now.source, now.path, now.digest)
    if is_other or before.told:
        save_followed(run.store, run.name, replace(now, number=before.number + is_other))


def _drift_text(source: SpecSource, one: SpecFile, changes: Iterable[str], *, puts_back: bool) -> str:
    what = "; ".join(list(changes)[:_MOST_TOLD])
    then = (
        "it is put back"
        if puts_back
        else f"write it into the file, or have it put back: `{Operation.SYNC_SPECS}` with `put_back`"
    )
    return f"the spec was changed past {one.path} of {source.name}; the file would change {what}; {then}"


def _gone(
    source: SpecSource, wrong: Mapping[str, str], runs: Iterable[ClusterRun], alert: Alert
) -> Iterable[dict[str, Any]]:
    for run in runs:
        try:
            followed = read_followed(run.store, run.name)
        except _WRONG as error:
            yield {"file": "", "cluster": run.name, "state": "wrong", "text": str(error)}
            continue
        # One whose file is there and cannot be read is told of by its file.
        if followed is None or followed.source != source.name or followed.path in wrong:
            continue
        text = (
            f"{followed.path} is gone from {source.name}; the cluster runs on, and nothing deletes it for that: put "
            f"the file back, or run `{Operation.DELETE}` with the name once more; `{Operation.APPLY}` still changes it"
        )
        if source.is_followed:
            _tell_once(run, followed, text, alert)
        yield {"file": followed.path, "cluster": run.name, "state": "gone", "text": text}


def _tell_once(run: ClusterRun, followed: Followed, text: str, alert: Alert) -> None:
    if followed.told != text:
        alert(run, text)
        save_followed(run.store, run.name, replace(followed, told=text))


def tell(look: Look, say: Tell) -> None:
    """Say how each cluster stands."""
    for one in look.clusters:
        say(f"{one.get('cluster') or one['file']}: {one['state']}{_about(one)}")


def wrong_text(clusters: Iterable[Mapping[str, Any]]) -> str:
    """Return what is wrong with files, of lines as `Look` has them; empty where nothing is."""
    texts = [(str(one["file"] or one["cluster"]), str(one["text"])) for one in clusters if one["state"] == "wrong"]
    return "; ".join(text if text.startswith(where) else f"{where}: {text}" for where, text in texts)


def _about(one: Mapping[str, Any]) -> str:
    text = one.get("text") or "; ".join(one.get("changes", ()))
    return f": {text}" if text else ""
