"""A lease while a phase works under it: a thread beats it, and nothing more is changed once it is lost."""

from __future__ import annotations

import contextvars
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from windlass.domain.lease import HEARTBEAT_EVERY, LEASE_LIFE, Lease
from windlass.domain.scripts.fence import refusal
from windlass.effects.clock import Clock
from windlass.effects.store.leases import RunLease
from windlass.errors import LostLeaseError, WindlassError


@dataclass(frozen=True)
class _Beat:
    """The lease as it was last renewed, and when that was begun, by two clocks."""

    lease: Lease
    monotonic: float
    time: datetime


class LeaseHold:
    """Holds a run's lease for a block, and says before each change whether it still does.

    A store that does not answer is borne for as long as the lease lasts without a heartbeat. A worker that finds that
    so much time has passed, because it was suspended, asks the store before it changes anything. The clock that never
    goes back may have stood still meanwhile, and the time of day may have been set: whichever has gone further counts.
    """

    def __init__(self, lease: RunLease, clock: Clock) -> None:
        self._run_lease = lease
        self._clock = clock
        self._lock = threading.RLock()
        """Of whoever renews the lease: a thread of the phase, or that which beats."""
        self._has_ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._beat: _Beat | None = None
        self._loss = ""

    def check(self) -> None:
        """Raise LostLeaseError, which names who holds the lease, unless changes may be made."""
        self.counter()

    def counter(self) -> int:
        """Return the number that a change is sent with; LostLeaseError if nothing may be changed any more."""
        beat = self._standing()
        if self._age(beat) >= LEASE_LIFE:
            with self._lock:
                if self._age(self._standing()) >= LEASE_LIFE:  # no other thread has renewed it meanwhile
                    self._renew()
            beat = self._standing()
        return beat.lease.counter

    def surpass(self, host: str, seen: int) -> None:
        """Have a higher counter than `seen`, which a host has; LostLeaseError if another run holds the lease.

        If none does, the store has lost count, or the host was another cluster's.
        """
        with self._lock:
            beat = self._standing()
            if beat.lease.counter > seen:
                return
            try:
                self._renew(above=seen)
            except LostLeaseError as loss:
                raise LostLeaseError(f"{refusal(host, beat.lease.counter, seen)}; {loss}") from loss

    def __enter__(self) -> Self:
        """Renew the lease, and begin to beat it; RefusedError if this run does not hold it."""
        began, now = self._clock.monotonic(), self._clock.now()
        self._beat = _Beat(self._run_lease.heartbeat(), began, now)
        run = contextvars.copy_context().run
        self._thread = threading.Thread(target=run, args=(self._go,), name="windlass-heartbeat", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """End the heartbeat."""
        self._has_ended.set()
        # Who is ended from outside does not wait for a store that hangs: what the thread would write is refused there.
        if self._thread is not None and (error is None or isinstance(error, Exception)):
            self._thread.join()

    def _go(self) -> None:
        while not self._clock.wait(self._has_ended, HEARTBEAT_EVERY.total_seconds()):
            with self._lock:
                if self._has_ended.is_set():
                    return
                try:
                    self._renew()
                except LostLeaseError:  # of a store that is away it may be heard again
                    if self._loss:
                        return

    def _renew(self, above: int = -1) -> None:
        beat, began, now = self._standing(), self._clock.monotonic(), self._clock.now()
        try:
            self._beat = _Beat(self._run_lease.renew(beat.lease, above), began, now)
        except LostLeaseError as loss:
            self._loss = str(loss)
            raise
        except WindlassError as error:
            if above < 0 and self._age(beat) < LEASE_LIFE:
                return
            raise LostLeaseError(
                f"{self._run_lease.owner} cannot tell whether it still holds the lease of cluster "
                f"`{self._run_lease.cluster}`, which it last renewed at {beat.time:%H:%M:%S} UTC: {error}; nothing "
                "more is changed: see to the store, then clear this task"
            ) from error

    def _age(self, beat: _Beat) -> timedelta:
        passed = timedelta(seconds=self._clock.monotonic() - beat.monotonic)
        return max(passed, self._clock.now() - beat.time)

    def _standing(self) -> _Beat:
        if self._loss:
            raise LostLeaseError(self._loss)
        if self._beat is None:
            raise AssertionError("the lease was not entered")
        return self._beat
