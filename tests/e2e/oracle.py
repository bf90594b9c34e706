"""A writer that notes every write it sent and every one that was acknowledged, and a judge that knows nothing else.

An unanswered write may have happened. One that was acknowledged must be there, one that was never sent must not.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from windlass.effects.kubernetes.client import Credentials, KubernetesClient, Resource
from windlass.errors import WindlassError

CONFIG_MAPS = Resource("v1", "configmaps", namespaced=True)
_TIMEOUT_SECONDS = 3.0
_PAUSE_SECONDS = 0.02


@dataclass(frozen=True)
class Acknowledged:
    """When a write was acknowledged (monotonic seconds), and at which revision."""

    at: float
    revision: int


@dataclass
class Writer:
    """Writes one config map after the other, through whichever API server answers."""

    addresses: tuple[str, ...]
    credentials: Credentials = field(repr=False)
    namespace: str
    sent: set[int] = field(default_factory=set)
    acknowledged: dict[int, Acknowledged] = field(default_factory=dict)
    pause_seconds: float = _PAUSE_SECONDS
    """Between two writes: a test that lasts long must not fill etcd with its own."""
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Write until the block is left."""
        thread = threading.Thread(target=self._write_on)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join()

    def acknowledged_since(self, at: float) -> bool:
        """Tell whether a write was acknowledged after `at`."""
        return any(found > at for found in self._times())

    def first_after(self, at: float) -> float | None:
        """Return when the first write after `at` was acknowledged."""
        return min((found for found in self._times() if found > at), default=None)

    def last(self) -> float:
        """Return when the last write so far was acknowledged; minus infinity if none was."""
        return max(self._times(), default=float("-inf"))

    def _times(self) -> list[float]:
        # A copy: the writer goes on adding.
        return [one.at for one in list(self.acknowledged.values())]

    def _write_on(self) -> None:
        clients = [KubernetesClient(one, 6443, self.credentials, _TIMEOUT_SECONDS) for one in self.addresses]
        number, turn = 0, 0
        while not self._stop.wait(self.pause_seconds):
            number += 1
            self.sent.add(number)
            try:
                written = _create(clients[turn % len(clients)], self.namespace, number)
            except WindlassError:
                turn += 1  # another API server; this write may have happened all the same
            else:
                revision = int(written["metadata"]["resourceVersion"])
                self.acknowledged[number] = Acknowledged(time.monotonic(), revision)
        for client in clients:
            client.close()


def _create(client: KubernetesClient, namespace: str, number: int) -> dict[str, Any]:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"w-{number}"}, "data": {"n": str(number)}}
    response = client._send("POST", CONFIG_MAPS.path(namespace), content=json.dumps(body).encode())
    return client._object(response, "write")


def written(client: KubernetesClient, namespace: str) -> set[int]:
    """Return the numbers of all writes that are there."""
    found = client.list(CONFIG_MAPS, namespace)
    return {int(one["data"]["n"]) for one in found if one["metadata"]["name"].startswith("w-")}


def judge(
    sent: Collection[int],
    acknowledged: Mapping[int, Acknowledged],
    there: Collection[int],
    snapshot_revision: int | None = None,
    restored_at: float | None = None,
) -> list[str]:
    """Return what is wrong: nothing sent is invented, nothing acknowledged is lost.

    After a recovery what was acknowledged after the snapshot's revision and before `restored_at` may be missing.
    """

    def must_be_there(one: Acknowledged) -> bool:
        if snapshot_revision is None:
            return True
        return one.revision <= snapshot_revision or (restored_at is not None and one.at > restored_at)

    lost = {number for number, one in acknowledged.items() if must_be_there(one)} - set(there)
    invented = set(there) - set(sent)
    problems = [f"{len(lost)} acknowledged writes are lost: {sorted(lost)[:10]}"] if lost else []
    return problems + ([f"{len(invented)} writes were never sent: {sorted(invented)[:10]}"] if invented else [])
