"""Which revisions a restored etcd goes on with: later than any that was ever seen.

Clients and the API servers' caches hold the revision up to which they have seen everything. Were a restored etcd to
give out revisions that they have seen already, for other contents, they would take old news for new and miss what is
new. So it goes on far beyond all of them, and what lies before counts as compacted: every watch is told that it is too
old, and lists again.
"""

from __future__ import annotations

from collections.abc import Iterable

REVISION_GAP = 1_000_000_000
"""How far beyond the last known revision. A cluster that writes a thousand times a second needs eleven days for it,
and 64 bits have room for nine thousand million recoveries. etcd's own documentation names the same number."""


def bump_for(bundle_revision: int, known: Iterable[int | None]) -> int:
    """Return by how much the revision is raised at the restore, given the revisions that are known to have been.

    `known` are those of members that can still be read, of all bundles (which one is restored does not matter: after
    an earlier recovery there may be newer ones), and where earlier recoveries began. None is one that nobody could
    tell; the gap is for what came after the last that is known.
    """
    newest = max((one for one in known if one is not None), default=0)
    return max(newest - bundle_revision, 0) + REVISION_GAP
