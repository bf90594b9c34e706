"""Which pods a drain waits for: those that were there, none that comes back to the cordoned node. A pure machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from windlass.domain.rollout.disruption import Object, leaves_with_drain, name_of, tolerates_cordon

_COMES_BACK = 3
"""After so many pods of one controller that came late, no further one is waited for: it puts them there past the
scheduler, whatever the node says."""


@dataclass(frozen=True)
class PodsLeft:
    """The pods on a node that is being drained, besides its own."""

    leaving: tuple[Object, ...]
    """To be evicted, and waited for."""
    returned: tuple[Object, ...]
    """Stay: evicted once, they were put there again."""


class DrainWatch:
    """Tells pods that leave from those that came back, by what was on the node when it was cordoned.

    What tolerates the cordon is put back by its controller as soon as it is evicted: to evict that again and again
    ends never (https://github.com/kubernetes/kubectl/issues/803).
    """

    def __init__(self) -> None:
        self._first: frozenset[str] | None = None
        self._late: Counter[str] = Counter()
        self._known_late: set[str] = set()

    def sort(self, pods: Iterable[Object]) -> PodsLeft:
        """Sort the pods of the node as they are now."""
        there = [pod for pod in pods if leaves_with_drain(pod)]
        if self._first is None:
            self._first = frozenset(map(_identity, there))
        returned = [pod for pod in there if self._has_returned(pod)]
        leaving = [pod for pod in there if pod not in returned]
        return PodsLeft(tuple(leaving), tuple(returned))

    def _has_returned(self, pod: Object) -> bool:
        identity = _identity(pod)
        if identity in (self._first or ()):
            return False
        if tolerates_cordon(pod):
            return True
        if identity in self._known_late:
            return False
        if self._late[_controller(pod)] >= _COMES_BACK:
            return True
        self._known_late.add(identity)
        self._late[_controller(pod)] += 1
        return False


def _identity(pod: Object) -> str:
    """Tell pods apart that have the same name one after the other, as those of a StatefulSet do."""
    return str(pod["metadata"].get("uid") or name_of(pod))


def _controller(pod: Object) -> str:
    owners = pod["metadata"].get("ownerReferences", [])
    return next(
        (str(owner.get("uid") or owner.get("name")) for owner in owners if owner.get("controller")), name_of(pod)
    )
