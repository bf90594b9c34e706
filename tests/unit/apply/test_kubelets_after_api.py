"""A kubelet is started once an API server answers its host, and no sooner."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from windlass.domain.scripts.apply import NO_API, after_api
from windlass.domain.scripts.script import Script
from windlass.effects.ssh.connection import CommandResult
from windlass.effects.ssh.fake import FakeHost
from windlass.errors import NotReadyError, WindlassError
from windlass.operations.apply.start import start_kubelets
from windlass.operations.cluster import ClusterSession

PROGRAMS = {
    "curl": '#!/bin/sh\n[ -e "$HOST/answers" ] || { echo "curl: (7) connection refused" >&2; exit 7; }\n',
    "date": '#!/bin/sh\ncat "$HOST/now"\n',
    "sleep": """#!/bin/sh
echo $(( $(cat "$HOST/now") + 60 )) > "$HOST/now"
[ ! -e "$HOST/comes" ] || touch "$HOST/answers"
""",
}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in PROGRAMS.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (tmp_path / "now").write_text("1000\n")
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("HOST", str(tmp_path))
    return tmp_path


def started() -> subprocess.CompletedProcess[str]:
    script = after_api(Script("start-unit", {}, "set -eu\necho 'changed: unit kubelet'\n"))
    return subprocess.run(["sh", "-s"], input=script.text, capture_output=True, text=True, check=False, timeout=30)


@pytest.mark.parametrize("when", ["answers", "comes"])
def test_it_is_started_as_soon_as_an_api_server_answers(machine: Path, when: str) -> None:
    (machine / when).touch()
    ended = started()
    assert (ended.returncode, ended.stdout) == (0, "changed: unit kubelet\n")


@pytest.mark.usefixtures("machine")
def test_it_is_not_started_while_none_answers_and_that_is_said() -> None:
    ended = started()
    assert (ended.returncode, ended.stdout) == (NO_API, "")
    told = "no API server answers through this host's proxy, port 7443: curl: (7) connection refused"
    assert ended.stderr.strip() == told


def test_the_task_is_tried_again_where_no_api_server_answers(
    played_session: ClusterSession,
    played: dict[str, FakeHost],
) -> None:
    for name in ("cp-1", "cp-2"):
        played[name].on("sh", "-s", answer="")
    played["w-1"].on("sh", "-s", answer=CommandResult(NO_API, "", "no API server answers through this host's proxy\n"))
    with pytest.raises(NotReadyError, match=r"w-1: .*no API server answers through this host's proxy"):
        start_kubelets(played_session)


def test_a_kubelet_that_does_not_start_is_another_matter(
    played_session: ClusterSession,
    played: dict[str, FakeHost],
) -> None:
    played["w-1"].on("sh", "-s", answer=CommandResult(1, "", "kubelet does not start\n"))
    with pytest.raises(WindlassError, match="kubelet does not start") as raised:
        start_kubelets(played_session)
    assert not isinstance(raised.value, NotReadyError)
