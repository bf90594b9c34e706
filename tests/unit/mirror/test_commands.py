from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from windlass.errors import CommandError, NotReadyError, WindlassError
from windlass.mirror.commands import Commands, require


def test_returns_output_and_passes_messages_on(tmp_path: Path) -> None:
    messages: list[str] = []
    script = "import os, sys; print(os.getcwd(), os.environ['GREETING']); print('compiling', file=sys.stderr)"

    output = Commands().run(
        [sys.executable, "-c", script], directory=tmp_path, environment={"GREETING": "hello"}, on_line=messages.append
    )

    assert output == f"{tmp_path} hello\n"
    assert messages == ["compiling"]


def test_a_failure_shows_the_last_lines(tmp_path: Path) -> None:
    script = "import sys; print('main.go:3: undefined: x', file=sys.stderr); sys.exit(2)"

    with pytest.raises(CommandError, match=r"exited 2: main\.go:3: undefined: x"):
        Commands().run([sys.executable, "-c", script], directory=tmp_path)


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(WindlassError, match="`no-such-program` is not on PATH"):
        Commands().run(["no-such-program"], directory=tmp_path)
    with pytest.raises(WindlassError, match="`no-such-program` is not on PATH; install it from there"):
        require("no-such-program", "install it from there")


def test_stop_ends_what_runs_with_its_children(tmp_path: Path) -> None:
    commands = Commands()
    started = threading.Event()
    script = "import subprocess, sys; print('up', file=sys.stderr, flush=True); subprocess.run(['sleep', '600'])"
    ended: list[BaseException] = []

    def run() -> None:
        try:
            commands.run([sys.executable, "-c", script], directory=tmp_path, on_line=lambda line: started.set())
        except NotReadyError as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(30)
    commands.stop()
    thread.join(30)

    assert not thread.is_alive()
    assert "was stopped" in str(ended[0])
    with pytest.raises(NotReadyError, match="was not started"):
        commands.run(["true"], directory=tmp_path)
