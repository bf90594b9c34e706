"""A Docker engine of the lab's own, where none runs; an engine that runs is used as it is."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from windlass.errors import CommandError, NotReadyError, UnreachableError
from windlass_lab.docker import THIS_MACHINE, docker
from windlass_lab.machine import engine_processes, process_start
from windlass_lab.places import Say, engine_directory, exclusive, write_private

START_TIME_LIMIT = timedelta(seconds=60)
BRIDGE = "docker0"
"""The network device that an engine makes for itself and leaves behind."""
STOP_TIME_LIMIT = timedelta(seconds=60)


def ensure_engine(say: Say) -> None:
    """Return once Docker answers, having started an engine only where none runs and this user may."""
    with exclusive("engine"):
        trouble = _trouble()
        if not trouble:
            return
        _check_may_start(trouble)
        if engine_processes():
            _wait_until_it_answers("the Docker engine that was already starting")
            return
        _install(say)
        if _trouble():
            _start(say)


def stop_own_engine(say: Say) -> bool:
    """Stop the engine that `ensure_engine` started, if it did, and nothing uses it; say whether it was stopped."""
    with exclusive("engine"):
        record = _read_record()
        if record is None:
            return False
        if docker("container", "ls", "--all", "--quiet").split():
            say("the Docker engine that the lab started stays: it still has containers")
            return False
        if os.environ.get("WINDLASS_LAB_KEEP_ENGINE") == "1":
            say("the Docker engine that the lab started stays: WINDLASS_LAB_KEEP_ENGINE=1")
            return False
        _stop(record["pid"])
        _record_path().unlink()
        if record["made_bridge"]:
            subprocess.run(["ip", "link", "delete", BRIDGE], capture_output=True, check=False)
        say("stopped the Docker engine that the lab started")
        return True


def owns_engine() -> bool:
    """Tell whether the engine that runs was started by the lab."""
    return _read_record() is not None


def engine_answers() -> bool:
    """Tell whether Docker answers now."""
    return not _trouble()


def _trouble() -> str:
    """Return why Docker does not answer; empty if it does."""
    if not shutil.which("docker"):
        return "the `docker` command is missing"
    try:
        docker("version", "--format", "{{.Server.Version}}", timeout=timedelta(seconds=20))
    except CommandError as error:
        return error.failure.stderr.strip()
    except UnreachableError as error:
        return str(error)
    return ""


def _check_may_start(trouble: str) -> None:
    if "permission denied" in trouble.lower():
        raise UnreachableError(f"{THIS_MACHINE}: Docker refuses this user; join the group `docker` or run as root")
    if os.environ.get("DOCKER_HOST"):
        raise UnreachableError(f"{THIS_MACHINE}: no Docker at DOCKER_HOST={os.environ['DOCKER_HOST']}: {trouble}")
    if os.geteuid() != 0:
        raise UnreachableError(f"{THIS_MACHINE}: no Docker engine runs; install and start Docker, then run this again")


def _install(say: Say) -> None:
    """Install Debian's engine where there is none; a machine with systemd starts it at once."""
    if shutil.which("dockerd") and shutil.which("docker"):
        return
    if not shutil.which("apt-get"):
        raise UnreachableError(f"{THIS_MACHINE}: no Docker engine; install Docker, then run this again")
    say("installing Docker (docker.io) by apt-get")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for argv in (
        ["apt-get", "update", "-q"],
        ["apt-get", "install", "-y", "-q", "--no-install-recommends", "docker.io"],
    ):
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UnreachableError(f"{THIS_MACHINE}: `{' '.join(argv)}` failed: {done.stderr.strip()[-400:]}")
    if Path("/run/systemd/system").is_dir():
        _wait_until_it_answers("the Docker engine that was just installed")


def _start(say: Say) -> None:
    directory = engine_directory()
    directory.mkdir(parents=True, exist_ok=True, mode=0o711)
    config = directory / "daemon.json"
    config.write_text(json.dumps({"log-driver": "json-file", "log-opts": {"max-size": "10m", "max-file": "3"}}))
    had_bridge = BRIDGE in (name for _, name in socket.if_nameindex())
    say(f"no Docker engine runs here: starting one (data and log in {directory})")
    pid = _spawn(_engine_argv(directory), directory / "dockerd.log")
    record = {"pid": pid, "started": process_start(pid), "made_bridge": not had_bridge}
    write_private(_record_path(), json.dumps(record).encode())
    _wait_until_it_answers(f"the Docker engine that the lab started (log: {directory / 'dockerd.log'})", pid)


def _spawn(argv: Sequence[str], log: Path) -> int:
    """Start a process that outlives this one, in a session of its own, and return its id."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    # Not a Popen: that complains when it is forgotten while its process runs, which is what is wanted here. Python
    # ignores these signals, which a program would inherit.
    ignored = [signal.SIGPIPE, signal.SIGXFSZ]
    return os.posix_spawnp(argv[0], [*argv], os.environ, file_actions=actions, setsid=True, setsigdef=ignored)


def _engine_argv(directory: Path) -> list[str]:
    return [
        "dockerd",
        f"--data-root={directory / 'data'}",
        "--exec-root=/run/windlass-lab-engine",
        "--pidfile=/run/windlass-lab-engine.pid",
        f"--config-file={directory / 'daemon.json'}",
    ]


def _wait_until_it_answers(what: str, pid: int | None = None) -> None:
    deadline = time.monotonic() + START_TIME_LIMIT.total_seconds()
    while trouble := _trouble():
        if pid is not None and (code := _reap(pid)) is not None:
            raise NotReadyError(f"{THIS_MACHINE}: {what} exited with {code}; read its log")
        if time.monotonic() > deadline:
            raise NotReadyError(f"{THIS_MACHINE}: {what} does not answer: {trouble}")
        time.sleep(0.1)


def _stop(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIME_LIMIT.total_seconds()
    while not _has_ended(pid):
        if time.monotonic() > deadline:
            raise NotReadyError(
                f"{THIS_MACHINE}: the Docker engine (process {pid}) did not stop on SIGTERM; stop it yourself"
            )
        time.sleep(0.05)


def _has_ended(pid: int) -> bool:
    """Tell whether a process has ended; a child of this process is waited for, so that no zombie of it stays.

    The first thread of a child may look like a zombie while others still end, and only then can it be waited for.
    """
    try:
        return os.waitpid(pid, os.WNOHANG) != (0, 0)
    except ChildProcessError:
        return not process_start(pid) or _is_zombie(pid)


def _reap(pid: int) -> int | None:
    """Return the exit code of a child of this process that has ended; None if it runs, or is another's child."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if ended else None


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _record_path() -> Path:
    return engine_directory() / "engine.json"


def _read_record() -> dict[str, Any] | None:
    """Return the record of an own engine that still runs; a process id alone could by now be another's."""
    try:
        record: dict[str, Any] = json.loads(_record_path().read_text())
    except FileNotFoundError:
        return None
    if process_start(record["pid"]) != record["started"] or _is_zombie(record["pid"]):
        _record_path().unlink(missing_ok=True)
        return None
    return record
