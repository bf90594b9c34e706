"""Starting, finding and stopping an embedded Airflow."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import httpx

from windlass.cli.embedded.environment import build_environment
from windlass.cli.embedded.layout import Home, Settings
from windlass.cli.embedded.postgres import Postgres
from windlass.cli.embedded.processes import ProcessRecord, end_all, kill_session, session_members
from windlass.cli.embedded.secret_files import load_or_generate, write_private
from windlass.errors import NotReadyError, WindlassError

_PARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")
_READY_SECONDS = 300
_LOOK_SECONDS = 0.3


@dataclass(frozen=True)
class RunningInstance:
    """An embedded Airflow that runs: its address and who leads its processes."""

    url: str
    runner: ProcessRecord

    @property
    def port(self) -> int:
        """The port of its API server, on the loopback address."""
        return int(self.url.rsplit(":", 1)[1])


def status(home: Home) -> RunningInstance | None:
    """Return what runs for `home`, or None."""
    recorded = _read_record(home)
    return recorded if recorded and recorded.runner.is_alive() else None


def up(home: Home, settings: Settings, *, on_progress: Callable[[str], None] = lambda _: None) -> RunningInstance:
    """Start the instance and return once all of its components are healthy.

    One that runs with just these settings is left as it is; one that runs with others is restarted.
    """
    home.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _exclusive(home):
        running = status(home)
        if running and _environment(home, settings, running.port) != json.loads(home.environment.read_text()):
            on_progress("its settings have changed: stopping the Airflow that runs")
            _end(running.runner)
            running = None
        if running is None:
            _clear_leftovers(home)
            on_progress("starting Postgres and the components of Airflow")
            running = _launch(home, settings)
        _wait_until_ready(home, running, on_progress)
    return running


def down(home: Home, *, purge: bool = False) -> bool:
    """Stop every process of the instance and tell whether there were any; `purge` deletes its state as well."""
    if not home.root.exists():
        return False
    with _exclusive(home):
        recorded = _read_record(home)
        found = bool(recorded and session_members(recorded.runner))
        if recorded:
            _end(recorded.runner)
        home.record.unlink(missing_ok=True)
        if purge:
            Postgres.of(home).remove()
            shutil.rmtree(home.root)
    return found


def _end(runner: ProcessRecord) -> None:
    leader = [process for process in session_members(runner) if process.pid == runner.pid]
    end_all(leader, with_signal=signal.SIGTERM, wait_seconds=40)
    kill_session(runner)


def _clear_leftovers(home: Home) -> None:
    """After a crash, end what the crashed runner left behind."""
    recorded = _read_record(home)
    if recorded:
        kill_session(recorded.runner)
        home.record.unlink()


@contextmanager
def _exclusive(home: Home) -> Iterator[None]:
    with home.lock.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _read_record(home: Home) -> RunningInstance | None:
    if not home.record.exists():
        return None
    content = json.loads(home.record.read_text())
    return RunningInstance(url=content["url"], runner=ProcessRecord(**content["runner"]))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _choose_port(home: Home) -> int:
    """Return the port of last time where it is free, so that the address of the pages stays the same."""
    file = home.root / "port"
    last = int(file.read_text()) if file.exists() else 0
    port = last if last and _is_free(last) else _free_port()
    file.write_text(str(port))
    return port


def _launch(home: Home, settings: Settings) -> RunningInstance:
    home.logs.mkdir(parents=True, exist_ok=True)
    port = _choose_port(home)
    write_private(home.environment, json.dumps(_environment(home, settings, port)))
    pid = _spawn_runner(home)
    running = RunningInstance(url=f"http://127.0.0.1:{port}", runner=ProcessRecord.of(pid))
    write_private(home.record, json.dumps(asdict(running)))
    return running


def _environment(home: Home, settings: Settings, port: int) -> dict[str, str]:
    directory = str(Postgres.of(home).socket_directory)
    return build_environment(home, settings, load_or_generate(home), port=port, socket_directory=directory)


def _spawn_runner(home: Home) -> int:
    """Start the runner, leader of a session of its own, which outlives this process."""
    log = str(home.logs / "runner.log")
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-P", "-m", "windlass.cli.embedded.runner", str(home.root)],
        {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")},
        setsid=True,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )


def _wait_until_ready(home: Home, running: RunningInstance, on_progress: Callable[[str], None]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    reported: set[str] = set()
    with httpx.Client(base_url=running.url, timeout=60, trust_env=False) as http:
        while not reported.issuperset(_PARTS):
            if not running.runner.is_alive():
                raise WindlassError(f"the embedded Airflow ended while it started: {_last_line(home)}")
            if time.monotonic() > deadline:
                missing = ", ".join(part for part in _PARTS if part not in reported)
                raise NotReadyError(f"not healthy after {_READY_SECONDS} s: {missing}; see the logs in {home.logs}")
            healthy = _healthy_parts(http)
            for part in sorted(healthy - reported):
                on_progress(f"{part.replace('_', ' ')} is healthy")
            reported |= healthy
            time.sleep(0 if healthy.issuperset(_PARTS) else _LOOK_SECONDS)


def _healthy_parts(http: httpx.Client) -> set[str]:
    try:
        # The API for tasks builds itself at its first request, which takes longer than a task would wait.
        http.get("/execution/health/ping").raise_for_status()
        answer = http.get("/api/v2/monitor/health").raise_for_status()
    except httpx.HTTPError:
        return set()
    return {part for part, state in answer.json().items() if state and state.get("status") == "healthy"}


def _last_line(home: Home) -> str:
    log = home.logs / "runner.log"
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return f"{lines[-1]} (all of it is in {log})" if lines else f"see {log}"
