"""Which bundle an operation works with: named by its id, by a time, or simply the newest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from windlass.domain.backup.ids import BundleId
from windlass.errors import RefusedError, SpecError
from windlass.operation_names import Operation

NEWEST = "newest"
NEWEST_PROVEN = "newest-proven"


class BundleTrust(Enum):
    """How far a bundle can be trusted."""

    VERIFIED = "verified"
    """Its manifest is there, which is written only after everything was read back and checked."""
    PROVEN = "proven"
    """A drill restored it."""
    DISPROVEN = "disproven"
    """The last drill with it failed because of what it holds."""
    REFUSED = "refused"
    """Its manifest is damaged, or by a key that is not known."""


@dataclass(frozen=True)
class Candidate:
    """A bundle with a manifest, and how far it can be trusted."""

    bundle: BundleId
    standing: BundleTrust
    reason: str = ""
    """Why it is refused or disproven."""

    @property
    def is_good(self) -> bool:
        """Tell whether it may be restored without somebody asking for this very one."""
        return self.standing in {BundleTrust.VERIFIED, BundleTrust.PROVEN}


def choose(desired: str, candidates: Iterable[Candidate], cluster: str) -> Candidate:
    """Return the bundle that `wanted` names: an id, a time (the newest taken by then), `newest` or `newest-proven`.

    The newest good one is taken whether proven or not: every bundle was verified, and age is what costs data. One that
    failed its drill is only taken if its id is given; one whose manifest is refused never is. SpecError if `wanted`
    cannot be read, RefusedError if there is no such bundle.
    """
    newest_first = sorted(candidates, key=lambda one: one.bundle, reverse=True)
    named = BundleId.find(desired)
    if named is not None:
        return _named(named, newest_first, cluster)
    good = [one for one in newest_first if one.is_good]
    if desired == NEWEST_PROVEN:
        good, wish = [one for one in good if one.standing is BundleTrust.PROVEN], "proven bundle"
    elif desired == NEWEST:
        wish = "verified bundle"
    else:
        until = parse_time(desired)
        good, wish = [one for one in good if one.bundle.time <= until], f"verified bundle taken by {until.isoformat()}"
    if not good:
        raise RefusedError(f"cluster `{cluster}` has no {wish}; {_there_are(newest_first)}")
    return good[0]


def parse_time(text: str) -> datetime:
    """Read a time as people write it (ISO 8601); without a zone it is UTC. SpecError if it is none."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise SpecError(
            f"`{text}` names no bundle; give an id such as 20261123T074500Z-r1042, a time such as 2026-11-23T07:45, "
            f"`{NEWEST}` or `{NEWEST_PROVEN}`"
        ) from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _named(bundle: BundleId, candidates: list[Candidate], cluster: str) -> Candidate:
    found = next((one for one in candidates if one.bundle == bundle), None)
    if found is None:
        raise RefusedError(f"cluster `{cluster}` has no bundle {bundle}; {_there_are(candidates)}")
    if found.standing is BundleTrust.REFUSED:
        raise RefusedError(f"cluster `{cluster}`: bundle {bundle} is not to be trusted: {found.reason}")
    return found


def _there_are(newest_first: list[Candidate]) -> str:
    if not newest_first:
        return (
            f"there is none at all; take one with the DAG {Operation.BACK_UP}, or look whether `backup.target` is the "
            "right one"
        )
    shown = [f"{one.bundle} ({one.standing.value})" for one in newest_first[:5]]
    more = f" and {len(newest_first) - 5} older ones" if len(newest_first) > 5 else ""
    return f"there are {', '.join(shown)}{more}"
