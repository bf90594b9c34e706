"""Why remediation, backups and drills leave a cluster alone: it is being created, or a run deletes it."""

from __future__ import annotations

from windlass.domain.apply.created import being_created_text
from windlass.errors import RefusedError, SkippedError
from windlass.operations.run import ClusterRun


def why_stand_back(run: ClusterRun) -> str:
    """Return why nothing that can wait is done at the cluster now; empty if it may be done."""
    if deleting := why_deleted(run):
        return deleting
    is_gone = run.records.spec() is None  # that has an error of its own
    return "" if is_gone or run.records.created() is not None else being_created_text(run.name)


def why_deleted(run: ClusterRun) -> str:
    """Return which run deletes the cluster; empty if none does."""
    holder = run.delete_lease().effective()
    return "" if holder is None or holder.owner == run.owner else f"{run.name} is being deleted by {holder.owner}"


def stand_back(run: ClusterRun, instead: str, *, is_by_person: bool) -> None:
    """SkippedError if the cluster is to be left alone now, RefusedError if a person asked; `instead` says what is not.

    For a person it is no matter of waiting: whoever creates or deletes the cluster knows what comes after.
    """
    if why := why_stand_back(run):
        text = f"{instead}: {why}"
        raise RefusedError(text) if is_by_person else SkippedError(text)
