"""The lab starts a Docker engine only where none runs, and stops that one alone.

The engine is started in namespaces of its own, where the one that the other tests use is not to be seen.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from windlass.errors import UnreachableError
from windlass_lab.docker import docker
from windlass_lab.engine import ensure_engine, owns_engine, stop_own_engine

# The shared lab comes first: it sees to it that an engine is installed, and runs.
pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab")]

SCRIPT = """
import gc, json, socket
from pathlib import Path
from windlass_lab.engine import engine_answers, ensure_engine, owns_engine, stop_own_engine
from windlass_lab.machine import engine_processes

said = []
seen = {"before": engine_answers()}
ensure_engine(said.append)
gc.collect()  # what is forgotten while it is in use complains now
seen["started"] = engine_answers() and owns_engine()
first = engine_processes()
ensure_engine(said.append)
seen["started once"] = engine_processes() == first and len(first) == 1
seen["stopped"] = stop_own_engine(said.append)
seen["after"] = engine_answers()
seen["left"] = [
    name
    for path in Path("/proc").glob("[0-9]*/comm")
    if (name := path.read_text().strip()) in {"dockerd", "containerd"}  # one that nobody waited for too
] + [name for _, name in socket.if_nameindex() if name == "docker0"]
print(json.dumps({"seen": seen, "said": said}))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may start an engine; the lab refuses others with the reason")
def test_starts_an_engine_where_none_runs_says_so_and_stops_it(tmp_path: Path) -> None:
    inner = 'mount -t tmpfs tmpfs /run && ip link set lo up && exec "$0" -W error -c "$1"'
    unshare = ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("WINDLASS_", "DOCKER_"))}
    done = subprocess.run(
        [*unshare, "sh", "-c", inner, sys.executable, SCRIPT],
        env={**environment, "WINDLASS_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    result = json.loads(done.stdout)
    assert result["seen"] == {
        "before": False,
        "started": True,
        "started once": True,
        "stopped": True,
        "after": False,
        "left": [],
    }
    assert "no Docker engine runs here: starting one" in result["said"][0]


def test_an_engine_that_runs_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WINDLASS_CACHE", str(tmp_path))
    said: list[str] = []
    ensure_engine(said.append)
    assert not owns_engine()
    assert not stop_own_engine(said.append)
    assert docker("version", "--format", "{{.Server.Version}}").strip()
    assert said == []


def test_an_engine_elsewhere_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WINDLASS_CACHE", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    with pytest.raises(UnreachableError, match=r"no Docker at DOCKER_HOST=unix://.*nothing\.sock"):
        ensure_engine(lambda _: None)
