"""A run over a store in memory, for the tests of operations; what a test needs besides, it sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from unittest.mock import Mock

from unit.backup.examples import manifest, new_keys
from windlass.domain.backup import SNAPSHOT, STATE, BundleId
from windlass.domain.lease import Owner
from windlass.effects.bundles import Vault
from windlass.effects.clock import SYSTEM_CLOCK
from windlass.effects.store import ClusterRecords, Leases, MemoryStore, RunLease
from windlass.effects.store.keys import backup_lease_key, delete_lease_key, drill_lease_key, lease_key
from windlass.operations.run import Attempt


class FakeRun:
    """Whatever an operation may ask of its run; no host is ever reached."""

    def __init__(self, owner: Owner, spec: Any = None, reason: str = "") -> None:
        self.name, self.owner, self.reason, self.requester = "demo", owner, reason, "anna"
        self.store, self.keys, self.catalog = MemoryStore(), new_keys(), Mock()
        self.clock, self.spec = SYSTEM_CLOCK, spec
        self.records: Any = ClusterRecords(self.store, self.name)
        self.bundles: Any = Vault(self.store, self.name, self.keys)
        self.sessions = Mock(side_effect=lambda _: Mock())
        self.user_authorities: Mapping[Any, Any] = {}
        self.tested: Any = None
        self.is_finished: Callable[[Owner], bool | None] = lambda _: False
        """Whether another run has ended."""
        self.lines: list[tuple[str, str]] = []
        """What was written to the service log: level and text."""

    def stored(self) -> Any:
        return self.spec

    def cluster(self) -> Any:
        return self.spec

    def desired(self, _: str | None, __: object = None) -> Any:
        return self.spec

    def pki(self) -> Any:
        return Mock()

    def authorities(self, _: Any) -> Mapping[Any, Any]:
        return self.user_authorities

    def require_secrets(self, _: Any) -> None:
        """Have all of them."""

    def artifacts(self, *_: Any) -> Any:
        return Mock(), Mock()

    def release_tests(self, _: str) -> Any:
        return self.tested

    def vault(self, _: Any) -> Any:
        return self.bundles

    @contextmanager
    def session(self, cluster: Any) -> Iterator[Any]:
        yield self.sessions(cluster)

    @contextmanager
    def working(self) -> Iterator[Any]:
        self.lease().heartbeat()
        yield self

    def log(self, text: str, *, level: str = "info", details: Any = None) -> None:
        self.lines.append((level, text))

    def lease(self) -> RunLease:
        return self._lease(lease_key)

    def backup_lease(self) -> RunLease:
        return self._lease(backup_lease_key)

    def drill_lease(self) -> RunLease:
        return self._lease(drill_lease_key)

    def delete_lease(self) -> RunLease:
        return self._lease(delete_lease_key)

    def _lease(self, key: Callable[[str], str]) -> RunLease:
        leases = Leases(self.store, self.is_finished, lambda: datetime.now(UTC), key)
        return RunLease(leases, self.name, self.owner)

    def hold_bundle(self, age: timedelta, **changed: Any) -> BundleId:
        """Store a bundle that is so old."""
        bundle = BundleId.of(datetime.now(UTC) - age, 1042)
        parts = {name: self.bundles.write_part(bundle, name, BytesIO(b"x")) for name in (SNAPSHOT, STATE)}
        self.bundles.commit(manifest(id=str(bundle), parts=parts, **changed))
        return bundle


class Alerts(list[tuple[str, str]]):
    """The alerts that people had: level and text."""

    def __call__(self, text: str, level: str = "error") -> None:
        self.append((level, text))


def held_by(owner: Owner, lease: RunLease) -> RunLease:
    """Return the same lease as another run has it, which takes it."""
    others = replace(lease, owner=owner)
    others.acquire()
    return others


def attempt(alerts: Alerts, *, is_by_person: bool = False, is_last: bool = True) -> Attempt:
    """Return a try of a task."""
    return Attempt(alerts, is_by_person, is_last)
