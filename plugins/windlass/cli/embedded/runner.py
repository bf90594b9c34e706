"""The process that an embedded Airflow consists of: it starts Postgres and the components, and ends with them all.

Run as ``python -P -m windlass.cli.embedded.runner HOME``. It leads a session of its own. A component that ends is
started again, unless that happens too often: then everything stops, and the log says which component it was.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import psutil

from windlass.cli.embedded import components
from windlass.cli.embedded.layout import Home
from windlass.cli.embedded.postgres import Postgres
from windlass.cli.embedded.processes import descendants, end_all
from windlass.errors import WindlassError

if TYPE_CHECKING:
    from multiprocessing.context import ForkProcess

_FORK = multiprocessing.get_context("fork")
_GRACE_SECONDS = 4
_LOOK_SECONDS = 0.25
_RESTARTS = 5
_RESTART_WINDOW_SECONDS = 60


def _say(message: str) -> None:
    sys.stdout.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {message}\n")
    sys.stdout.flush()


@dataclass
class _Child:
    """One component: how to start it, its process, and when it was started lately."""

    name: str
    log: Path
    process: ForkProcess | None = None
    starts: deque[float] = field(default_factory=lambda: deque(maxlen=_RESTARTS))

    def start(self) -> None:
        now = time.monotonic()
        if len(self.starts) == _RESTARTS and now - self.starts[0] < _RESTART_WINDOW_SECONDS:
            raise WindlassError(
                f"{self.name} ended {_RESTARTS} times within {_RESTART_WINDOW_SECONDS} s; see {self.log}"
            )
        self.starts.append(now)
        self.process = _fork(lambda: components.run_component(self.name, self.log))


def _fork(target: Callable[[], None]) -> ForkProcess:
    process = _FORK.Process(target=target)
    process.start()
    return process


class Runner:
    """Starts, watches and ends the processes of one instance."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._postgres = Postgres.of(home)
        self._database: subprocess.Popen[bytes] | None = None
        self._children = [_Child(name, home.logs / f"{name}.log") for name in components.COMPONENTS]
        self._wakeup, self._signalled = os.pipe()

    def run(self) -> None:
        """Start everything, watch until a signal comes or something cannot be kept up, then end everything."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        components.adopt_orphans()
        try:
            self._start()
            self._watch()
        finally:
            self._stop()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        os.write(self._signalled, b"x")

    def _start(self) -> None:
        log = self._home.logs / "postgres.log"
        self._postgres.initialise()
        self._database = self._postgres.start(log)
        components.preload()
        gc.collect()
        gc.freeze()  # objects that the collector does not touch stay shared between the forks
        self._postgres.wait_until_ready(self._database, log)
        self._migrate()
        for child in self._children:
            child.start()
        _say("all components started")

    def _migrate(self) -> None:
        version = metadata.version("apache-airflow-core")
        if self._home.migrated.exists() and self._home.migrated.read_text() == version:
            return
        log = self._home.logs / "migration.log"
        process = _fork(lambda: components.migrate_database(log))
        process.join()
        if process.exitcode:
            raise WindlassError(f"preparing Airflow's database failed with code {process.exitcode}; see {log}")
        self._home.migrated.write_text(version)

    def _watch(self) -> None:
        """Look at every component a few times a second.

        A process' sentinel would not do: the forks of a component hold its other end, and outlive it.
        """
        while not select.select([self._wakeup], [], [], _LOOK_SECONDS)[0]:
            database = self._database
            if database is not None and database.poll() is not None:
                raise WindlassError(
                    f"Postgres ended with code {database.returncode}; see {self._home.logs}/postgres.log"
                )
            for child in self._children:
                if child.process and not child.process.is_alive():
                    self._restart(child, child.process)

    def _restart(self, child: _Child, ended: ForkProcess) -> None:
        _say(f"{child.name} ended with code {ended.exitcode}; starting it again")
        # What the component had forked fell to this process. Its tasks run again, so none of them may go on.
        while strays := self._strays():
            end_all(strays, with_signal=signal.SIGKILL, wait_seconds=5)
        child.start()

    def _strays(self) -> list[psutil.Process]:
        own = {item.process.pid for item in self._children if item.process}
        return [
            found for found in psutil.Process().children() if found.pid not in own and not self._is_database(found.pid)
        ]

    def _stop(self) -> None:
        """End tasks first, so that none can report a failure: the next start runs those that had not ended again."""
        alive = {child.name: child.process for child in self._children if child.process and child.process.is_alive()}
        if scheduler := alive.get("scheduler"):
            end_all(descendants(scheduler.pid or 0), with_signal=signal.SIGKILL, wait_seconds=2)
        self._end_components(alive)
        if self._database and self._database.poll() is None:
            self._database.send_signal(signal.SIGINT)  # Postgres' fast shutdown
            try:
                self._database.wait(10)
            except subprocess.TimeoutExpired:
                self._database.send_signal(signal.SIGQUIT)
                self._database.wait(10)
        _say("stopped")

    def _end_components(self, alive: dict[str, ForkProcess]) -> None:
        """Ask first; the API server would wait for its last connections, and has nothing to lose."""
        for process in alive.values():
            process.terminate()
        deadline = time.monotonic() + _GRACE_SECONDS
        for process in alive.values():
            process.join(max(0.0, deadline - time.monotonic()))
        leftovers = [process for process in descendants(os.getpid()) if not self._is_database(process.pid)]
        end_all(leftovers, with_signal=signal.SIGKILL, wait_seconds=5)

    def _is_database(self, pid: int) -> bool:
        if not self._database:
            return False
        return pid == self._database.pid or pid in {process.pid for process in descendants(self._database.pid)}


def main() -> None:
    """Run the instance whose home is the first argument."""
    home = Home(Path(sys.argv[1]))
    os.chdir(home.root)
    os.environ.update(json.loads(home.environment.read_text()))
    # Requests to our own API never go through a proxy of the surroundings.
    os.environ["NO_PROXY"] = ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1"]))
    try:
        Runner(home).run()
    except WindlassError as error:
        _say(f"error: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()
