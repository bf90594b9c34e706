"""Keeping the summaries of clusters true: written again from a cluster's own objects when one of these changes."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from windlass.domain.bounded import moment
from windlass.domain.cluster_summary import OperationTimes, is_newer, says_the_same
from windlass.domain.spec.overview import summary_of
from windlass.effects.store.contract import Store
from windlass.effects.store.keys import spec_mark_key
from windlass.effects.store.read_cluster import read_known
from windlass.effects.store.summaries import Entry, SummaryObjects
from windlass.errors import MALFORMED, UNREADABLE, RefusedError, UnreachableError, WindlassError

log = logging.getLogger(__name__)

READ_AGAIN_AFTER = timedelta(minutes=30)
"""A summary is made again from all of the cluster's objects once this old, whatever may have changed."""
MOST_READ_AGAIN = 50
"""How many are at a time, so that the store is asked evenly."""
SOON_SECONDS = 0.5
"""So long after an operation has begun its cluster's summary shows it, if the task is still there by then."""
QUIET_SECONDS = 60.0
"""An observation that says what the one before said waits this long, to be written with others."""


class Summarizer:
    """Writes summaries; with a `delay`, what comes within so many seconds is written together, by a thread.

    It raises nothing: what it writes is an aid, and no operation fails for it.
    """

    def __init__(self, store: Store, delay: float = 0.0, now: Callable[[], datetime] | None = None) -> None:
        self._store = store
        self._objects = SummaryObjects(store)
        self._delay = delay
        self._now = now or partial(datetime.now, UTC)
        self._changed: set[str] = set()
        self._ended: list[tuple[str, str, float]] = []
        self._observed: dict[str, Mapping[str, Any]] = {}
        self._last: dict[str, Mapping[str, Any]] = {}
        """What was observed last of each cluster, as far as this process knows."""
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._timer: threading.Timer | None = None
        self._due = math.inf

    def changed(self, cluster: str) -> None:
        """Have a cluster's summary made again."""
        with self._lock:
            self._changed.add(cluster)
        self._write_within(self._delay)

    def begun(self, cluster: str) -> None:
        """Have a cluster's summary made again in a moment, by a thread: an operation begins, and waits for nothing."""
        with self._lock:
            self._changed.add(cluster)
        self._write_within(self._delay or SOON_SECONDS)

    def observed(self, cluster: str, brief: Mapping[str, Any]) -> None:
        """Have a cluster's summary show this observation, as `brief_status` gave it."""
        with self._lock:
            is_quiet = says_the_same(brief, self._last.get(cluster, {}))
            self._observed[cluster] = self._last[cluster] = brief
        self._write_within(QUIET_SECONDS if is_quiet and self._delay else self._delay)

    def ended(self, cluster: str, operation: str, seconds: float) -> None:
        """Have a cluster's summary count an operation that held it for so long, and be made again."""
        with self._lock:
            self._ended.append((cluster, operation, seconds))
        self.changed(cluster)

    def flush(self) -> None:
        """Write what is to be written."""
        with self._lock:
            changed, observed, ended = self._changed, self._observed, self._ended
            self._changed, self._observed, self._ended, self._due = set(), {}, [], math.inf
        with self._writing:
            for cluster in sorted(changed):
                self._write_again(cluster, [one for one in ended if one[0] == cluster])
            self._write_observed({name: one for name, one in observed.items() if name not in changed})

    def _write_within(self, seconds: float) -> None:
        if not seconds:
            self.flush()
            return
        due = time.monotonic() + seconds
        with self._lock:
            if due >= self._due:
                return
            if self._timer is not None:
                self._timer.cancel()
            self._due, self._timer = due, threading.Timer(seconds, self.flush)
            self._timer.daemon = True
            self._timer.start()

    def _write_again(self, cluster: str, ended: Sequence[tuple[str, str, float]] = ()) -> None:
        with _only_warned(cluster):
            entry = self._summarized(cluster)
            self._objects.change([cluster], lambda _, before: _counted(_newer(entry, before), before, ended))

    def _summarized(self, cluster: str) -> Entry | None:
        """Return a summary made of the cluster's own objects; None if it has no spec.

        Of objects that cannot be read there is none either, and whoever wants one reads them, and is told why.
        """
        # The time and the mark first: what is read after them is at least as new.
        begun, key = self._now().isoformat(), spec_mark_key(cluster)
        mark = next((item.tag for item in self._store.list(key) if item.key == key), "")
        try:
            known = read_known(self._store, cluster, None)
        except (UnreachableError, RefusedError):
            raise
        except UNREADABLE as error:
            log.warning("%s: there is no summary of it: %s", cluster, error)
            return {"read": begun}
        return None if known is None else {**summary_of(known).value(), "mark": mark, "read": begun}

    def _write_observed(self, observed: Mapping[str, Mapping[str, Any]]) -> None:
        stale: list[str] = []
        with _only_warned("what was observed"):
            for name in observed:
                entry = self._objects.known(name)
                if entry is None or "status" not in entry:
                    self._write_again(name)
                elif self._now() - moment(entry["read"]) > READ_AGAIN_AFTER:
                    stale.append(name)
            self._objects.change(observed, lambda name, before: _with_status(before, observed[name]))
        for name in stale[:MOST_READ_AGAIN]:
            self._write_again(name)


def _newer(entry: Entry | None, before: Entry | None) -> Entry | None:
    """Return which of two summaries is to stay: that which was read later, with what was observed later."""
    if entry is None or before is None:
        return entry
    if moment(before["read"]) > moment(entry["read"]):
        return before
    if "status" in entry and is_newer(before.get("status", {}), entry["status"]):
        return {**entry, "status": before["status"]}
    return entry


def _counted(entry: Entry | None, before: Entry | None, ended: Sequence[tuple[str, str, float]]) -> Entry | None:
    """Return a summary with the operations that were counted before, and those that have ended now."""
    if entry is None or "status" not in entry:
        return entry
    times = {name: OperationTimes(**one) for name, one in ((before or {}).get("operations") or {}).items()}
    for _, operation, seconds in ended:
        times[operation] = times.get(operation, OperationTimes(0, 0.0, 0.0)).with_another(seconds)
    return {**entry, "operations": {name: asdict(one) for name, one in times.items()}}


def _with_status(before: Entry | None, status: Mapping[str, Any]) -> Entry | None:
    if before is None or "status" not in before or not is_newer(status, before["status"]):
        return before
    return {**before, "status": status}


@contextmanager
def _only_warned(what: str) -> Iterator[None]:
    try:
        yield
    except (WindlassError, *MALFORMED) as error:
        log.warning("%s: the summary could not be written, and is again later: %s", what, error)
