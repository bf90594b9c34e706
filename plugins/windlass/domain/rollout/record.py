"""What is kept of a rollout while it has not ended: where it leads, and whether it is to pause."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RolloutRecord:
    """A rollout between two versions, or of a changed spec, that has begun and not ended: hosts may be at either."""

    before: str
    after: str
    run: str
    """The run that went on with it last."""
    began: str
    """When it first began, as ISO 8601."""
    bundle: str = ""
    """The newest bundle when it first began: what the whole cluster goes back to. It is kept as long as this stands."""

    def __str__(self) -> str:
        way = (
            f"from {self.before} to {self.after}" if self.before != self.after else f"of a changed spec at {self.after}"
        )
        return f"the rollout {way} that began at {self.began}"


@dataclass(frozen=True)
class Pause:
    """The request that a run of a rollout ends before its next step."""

    run: str
    """The run that is to pause."""
    by: str
    """The run that asked."""
    asked: str
    """When, as ISO 8601."""
    reason: str = ""

    def __str__(self) -> str:
        return f"a pause was asked for at {self.asked} by run {self.by}{f' ({self.reason})' if self.reason else ''}"

    def holds_up(self, run: str, *, has_begun: bool) -> bool:
        """Tell whether a step of `run` is not to begin; one that has begun is done to its end."""
        return self.run == run and not has_begun


def carried_on(known: RolloutRecord | None, begun: RolloutRecord) -> RolloutRecord:
    """Return what is to be kept while `begun` is at work, given what is `known` of one that has not ended.

    What began before says since when hosts differ, and which bundle leads back. A rollout that changes no version
    leaves all of it; one that goes to another version than the known one starts over.
    """
    if known is None:
        return begun
    if begun.before == begun.after:
        return known
    if known.after != begun.after:
        return begun
    return RolloutRecord(begun.before, begun.after, begun.run, known.began, known.bundle)
