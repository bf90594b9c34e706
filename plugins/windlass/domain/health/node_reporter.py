"""Which host tells how Kubernetes finds its nodes: one of the control plane, and another when it cannot."""

from __future__ import annotations

from collections.abc import Sequence

from windlass.domain.health.heartbeat import HeartbeatTracker

BLIND = "blind"
"""What a loop says of nodes when the API has not answered it for some looks, or it cannot ask."""


class NodeReporter:
    """The host that tells of nodes now. It stays the one as long as it is heard and sees."""

    def __init__(self, hosts: Sequence[str]) -> None:
        """`hosts` are those that can tell, in the order in which they are asked."""
        self._hosts = tuple(hosts)
        self._turn = 0

    @property
    def host(self) -> str:
        """The one whose turn it is; empty if none can tell."""
        return self._hosts[self._turn] if self._hosts else ""

    def review(self, heartbeats: HeartbeatTracker, now: float) -> bool:
        """Pass the turn on if the host that has it is not heard and another is; say whether it was."""
        return bool(self._hosts) and not heartbeats.is_heard(self.host, now) and self._pass_on(heartbeats, now)

    def blind(self, host: str, heartbeats: HeartbeatTracker, now: float) -> bool:
        """Pass the turn on if `host`, which sees no nodes, has it and another is heard; say whether it was."""
        return host == self.host and self._pass_on(heartbeats, now)

    def _pass_on(self, heartbeats: HeartbeatTracker, now: float) -> bool:
        count = len(self._hosts)
        others = [(self._turn + step) % count for step in range(1, count)]
        heard = [turn for turn in others if heartbeats.is_heard(self._hosts[turn], now)]
        self._turn = heard[0] if heard else self._turn
        return bool(heard)
