"""What is to be done about a cluster whose spec is in a file: by the file, the stored spec, and what was followed last.

A cluster is in sync when the stored spec is what the file says. Then it is noted which text that was. So a difference
that comes with the same text was made past the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

State = Literal["in sync", "new", "changed", "drifted", "deleted"]


@dataclass(frozen=True)
class Followed:
    """Which text of which file a cluster has been brought to, and what people were told last of how it stands to it."""

    source: str
    path: str
    revision: str
    digest: str
    number: int = 1
    """How many texts it has been brought to, one after the other."""
    told: str = ""

    def value(self) -> dict[str, Any]:
        """Return it as plain values."""
        return dict(self.__dict__)

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Self:
        """Read what `value` gave."""
        source, path, revision, digest = (str(value[name]) for name in ("source", "path", "revision", "digest"))
        return cls(source, path, revision, digest, int(value["number"]), str(value["told"]))


@dataclass(frozen=True)
class Standing:
    """How a cluster stands to its file, and whether the file is to be applied."""

    state: State
    is_applied: bool


def standing_of(
    *, is_stored: bool, changes: Sequence[str], digest: str, followed: Followed | None, puts_back: bool
) -> Standing:
    """Decide; `changes` are what the file would change of the stored spec.

    What was changed or deleted past the file is shown, and undone only where that is asked for: somebody had a reason,
    and an undone repair is worse than a file that is behind.
    """
    is_same_text = followed is not None and followed.digest == digest
    if not is_stored:
        # Or a deletion would be undone at the next look, and on hosts that may have been given to others by then.
        return Standing("deleted", is_applied=puts_back) if is_same_text else Standing("new", is_applied=True)
    if not changes:
        return Standing("in sync", is_applied=False)
    if is_same_text:
        return Standing("drifted", is_applied=puts_back)
    return Standing("changed", is_applied=True)
