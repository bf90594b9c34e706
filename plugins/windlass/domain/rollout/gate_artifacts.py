"""What the gate says of where artifacts come from."""

from __future__ import annotations

from windlass.domain.accepted_lock import lock_changes, lock_digest
from windlass.domain.artifacts import Lock
from windlass.domain.bounded import bounded_lines
from windlass.domain.catalog import Release
from windlass.domain.rollout.gate import GateFinding, warning


def lock_finding(mirror: str, accepted: Lock, offered: Lock) -> GateFinding:
    """Return the finding on whether the mirror offers another lock than the one that holds; it changes nothing."""
    changes = bounded_lines(lock_changes(accepted, offered))
    told = [f"the mirror offers another lock than the accepted one: {'; '.join(changes)}"] if changes else []
    accept = f"`windlass mirror accept {mirror} --digest {lock_digest(offered)}`"
    remedy = f"the accepted one holds, as long as the mirror gives what is in it; once you know why: {accept}"
    return warning("mirror lock", told, remedy, "the mirror offers the lock that was accepted")


def flaws_finding(release: Release, lock: Lock) -> GateFinding:
    """Return the finding on known flaws of what the release is made of; a critical one is no matter of this alone."""
    found = [one.text for one in release.found_flaws(lock) if one.is_there]
    remedy = "see `windlass catalog show`; a release with other parts is a change of data (docs/catalog.md)"
    return warning("known flaws", found, remedy, f"nothing is known of what {release.version} is made of")
