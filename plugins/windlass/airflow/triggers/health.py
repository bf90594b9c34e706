"""What watches in the triggerer: one trigger for a share of all clusters, and one for a task that waits for health."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent

from windlass.effects.repeats import Repeats
from windlass.errors import WindlassError

if TYPE_CHECKING:
    from windlass.operations.health.monitor import FleetMonitor

_STORE_RETRY_SECONDS = 15.0
_FIRST_LOOK_SECONDS = 5.0
"""Airflow may lose the event of a trigger that fires as soon as its task has deferred."""


class ClusterHealthTrigger(BaseEventTrigger):
    """Watches the clusters of one share out of `shards` all the time; its events carry new findings.

    An event's payload is `{"findings": [Finding.to_dict(), …]}`. It never ends by itself: what it needs and does not
    have, such as the connection of the store, it asks for again.
    """

    def __init__(self, shard: int = 0, shards: int = 1) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's own has no types
        self.shard = shard
        self.shards = shards
        self._repeats = Repeats()

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return how a triggerer makes this trigger again."""
        return f"{__name__}.{type(self).__name__}", {"shard": self.shard, "shards": self.shards}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event for what is found, as it is found."""
        while True:
            fleet_monitor = await self.fleet_monitor()
            if fleet_monitor is not None:
                try:
                    async for findings in fleet_monitor.findings():
                        yield _event({"findings": [finding.to_dict() for finding in findings]})
                except Exception:
                    # A trigger that ended would watch no cluster any more, and say so to nobody.
                    self.log.exception("watching broke off; it starts over")
            await asyncio.sleep(_STORE_RETRY_SECONDS)

    async def fleet_monitor(self) -> FleetMonitor | None:
        """Return what watches this share; None if what it needs is missing."""
        # Here, so that the files of DAGs, which only name this trigger, are read without all that it works with.
        from windlass.airflow.fleet import open_fleet  # noqa: PLC0415
        from windlass.effects.ssh.listening import SshDialler  # noqa: PLC0415
        from windlass.operations.health.monitor import FleetMonitor  # noqa: PLC0415

        try:
            fleet = await asyncio.to_thread(open_fleet, self.shard, self.shards)
        except WindlassError as error:
            if self._repeats.is_news("fleet", str(error)):
                self.log.warning("no cluster is watched: %s", error)
            return None
        return FleetMonitor(fleet, SshDialler())


class ClusterHealthyTrigger(BaseTrigger):
    """Fires when a cluster is healthy by its last observation; the payload is the moment of that observation."""

    def __init__(self, cluster: str, poke_seconds: float = 5.0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's own has no types
        self.cluster = cluster
        self.poke_seconds = poke_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return how a triggerer makes this trigger again."""
        return f"{__name__}.{type(self).__name__}", {"cluster": self.cluster, "poke_seconds": self.poke_seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look again and again until the cluster is healthy."""
        from windlass.airflow.fleet import look  # noqa: PLC0415

        pause, repeats = max(_FIRST_LOOK_SECONDS, self.poke_seconds), Repeats()
        while True:
            await asyncio.sleep(pause)
            try:
                readiness = await asyncio.to_thread(look, self.cluster, datetime.now(UTC))
            except WindlassError as error:
                if repeats.is_news(self.cluster, str(error)):
                    self.log.warning("%s", error)
            else:
                if readiness.is_healthy:
                    yield _event({"observed": readiness.observed})
                    return
            pause = self.poke_seconds


def _event(payload: dict[str, Any]) -> TriggerEvent:
    return TriggerEvent(payload)  # type: ignore[no-untyped-call]  # Airflow's own has no types
