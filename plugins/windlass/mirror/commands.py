"""Runs the programs that builds need, so that an interrupted fill leaves none of them behind."""

from __future__ import annotations

import collections
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from windlass.errors import CommandError, CommandFailure, NotReadyError, WindlassError

_KEPT_LINES = 30
_ENDS_WITHIN_SECONDS, _PAUSE_SECONDS = 10.0, 0.05
"""How long a program that is stopped may take, the second half of it under SIGKILL; and the pause between signals."""


class Commands:
    """Starts local programs and knows which of them run, so that all can be stopped."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._guard = threading.Lock()
        self._stopped = False

    def run(
        self,
        argv: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> str:
        """Run `argv` in `directory` and return its standard output; its messages go to `on_line` as they come.

        CommandError with the last lines of its messages if it exits with another code than 0.
        """
        process = self._start(argv, directory, {**os.environ, "LC_ALL": "C", **(environment or {})})
        messages: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)
        collector = threading.Thread(target=_collect, args=(process, messages, on_line), daemon=True)
        collector.start()
        try:
            with process:
                assert process.stdout is not None  # noqa: S101 (it was asked for when the process was started)
                output = process.stdout.read()
                exit_code = process.wait()
                collector.join()
        finally:
            with self._guard:
                self._running.discard(process)
        if self._stopped:
            raise NotReadyError(f"`{argv[0]}` was stopped; run `windlass mirror` again to go on")
        if exit_code:
            failure = CommandFailure("this machine", argv, exit_code, "\n".join(messages))
            raise CommandError(failure, "\n  " + "\n  ".join(messages))
        return output

    def stop(self) -> None:
        """Stop all programs that run, and start no others."""
        with self._guard:
            self._stopped = True
            running = list(self._running)
        _end_groups(running)

    def _start(self, argv: Sequence[str], directory: Path, environment: Mapping[str, str]) -> subprocess.Popen[str]:
        with self._guard:
            if self._stopped:
                raise NotReadyError(f"`{argv[0]}` was not started, because the fill is being stopped")
            try:
                process = subprocess.Popen(
                    argv,
                    cwd=directory,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    errors="replace",
                    start_new_session=True,  # so that the programs it starts can be stopped with it
                )
            except FileNotFoundError as error:
                raise WindlassError(f"this machine: `{argv[0]}` is not on PATH; install it and run again") from error
            self._running.add(process)
            return process


def require(program: str, advice: str) -> str:
    """Return where `program` is; WindlassError with `advice` if it is not on PATH."""
    found = shutil.which(program)
    if found is None:
        raise WindlassError(f"this machine: `{program}` is not on PATH; {advice}")
    return found


def _collect(
    process: subprocess.Popen[str], kept: collections.deque[str], on_line: Callable[[str], None] | None
) -> None:
    assert process.stderr is not None  # noqa: S101 (it was asked for when the process was started)
    for line in process.stderr:
        kept.append(line.rstrip())
        if on_line is not None:
            on_line(line.rstrip())


def _end_groups(left: list[subprocess.Popen[str]]) -> None:
    """End programs, side by side, with all that they have started.

    Once is not enough: what is just being started as the signal comes does not get it, and outlives its parent, since
    Python holds signals back while it forks (https://github.com/python/cpython/pull/11671).
    """
    begun = time.monotonic()
    while left and (elapsed := time.monotonic() - begun) < _ENDS_WITHIN_SECONDS:
        number = signal.SIGKILL if elapsed > _ENDS_WITHIN_SECONDS / 2 else signal.SIGTERM
        left = [process for process in left if _signal_group(process, number)]
        time.sleep(_PAUSE_SECONDS)


def _signal_group(process: subprocess.Popen[str], number: signal.Signals) -> bool:
    """Signal a program and all that it has started; whether there was anybody left."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    return True
