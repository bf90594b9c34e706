from __future__ import annotations

import json
import os
import signal
import stat
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from windlass.cli.embedded.client import AirflowClient
from windlass.cli.embedded.instance import down, status, up
from windlass.cli.embedded.layout import Home
from windlass.cli.embedded.postgres import Postgres
from windlass.cli.embedded.processes import ProcessRecord, session_members
from windlass.errors import WindlassError

from .conftest import CONNECTION_PASSWORD, LIMIT, SETTINGS, wait_until


def processes_of(home: Home) -> list[psutil.Process]:
    """All processes that carry the mark of this instance, found without the code under test."""
    postgres = str(Postgres.of(home).directory)
    found = []
    for process in psutil.process_iter():
        try:
            marked = process.environ().get("WINDLASS_AIRFLOW_HOME") == str(home.root)
            if marked or any(str(home.root) in word or postgres in word for word in process.cmdline()):
                found.append(process)
        except psutil.Error:  # it has just ended, or belongs to someone else
            continue
    return found


def test_starting_again_leaves_a_running_one_alone(client: AirflowClient, home: Home) -> None:
    assert up(home, SETTINGS) == status(home)


def test_other_settings_start_it_again_at_the_same_address(client: AirflowClient, home: Home) -> None:
    before = status(home)
    changed = replace(SETTINGS, connections={"trial": json.dumps({"conn_type": "generic", "host": "elsewhere"})})

    after = up(home, changed)

    assert before
    assert after.runner != before.runner
    assert after.url == before.url
    client.trigger("greet", run_id="elsewhere")
    assert client.wait("greet", "elsewhere", within=LIMIT).state == "success"
    assert client.xcom("greet", "elsewhere", "first") == "hello from elsewhere"


def test_everything_listens_on_the_loopback_address_alone(client: AirflowClient, home: Home) -> None:
    running = status(home)
    assert running
    ours = {process.pid for process in session_members(running.runner)}
    listening = [item for item in psutil.net_connections("inet") if item.status == "LISTEN" and item.pid in ours]

    assert {item.laddr.ip for item in listening} == {"127.0.0.1"}
    assert {item.laddr.port for item in listening} == {running.port}


def test_secrets_are_for_their_owner_alone(client: AirflowClient, home: Home) -> None:
    for path in (home.secrets, home.passwords, home.environment, home.record):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o700
    assert stat.S_IMODE(Postgres.of(home).socket_directory.stat().st_mode) == 0o700


def test_secrets_are_in_no_argument_and_no_log(client: AirflowClient, home: Home) -> None:
    secrets = [*json.loads(home.secrets.read_text()).values(), CONNECTION_PASSWORD]
    words = " ".join(word for process in processes_of(home) for word in process.cmdline())
    logs = "".join(path.read_text(errors="replace") for path in home.logs.rglob("*.log"))

    assert not [secret for secret in secrets if secret in words or secret in logs]


def test_a_killed_scheduler_is_replaced_and_the_run_goes_on(client: AirflowClient, home: Home, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    client.trigger("hold", run_id="scheduler-killed", conf={"gate": str(gate)})
    wait_until(gate.with_suffix(".starts").exists, "the task runs")
    running = status(home)
    assert running
    members = session_members(running.runner)
    (scheduler,) = [member for member in members if member.cmdline()[0] == "windlass-airflow scheduler"]
    below = scheduler.children(recursive=True)
    assert below

    scheduler.kill()
    wait_until(lambda: not any(process.is_running() for process in below), "the tasks of the killed one are gone")
    gate.touch()

    assert client.wait("hold", "scheduler-killed", within=LIMIT).state == "success"
    assert status(home) == running


def test_down_ends_everything_and_an_unfinished_run_goes_on_after_up(
    client: AirflowClient, home: Home, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    starts = gate.with_suffix(".starts")
    client.trigger("hold", run_id="interrupted", conf={"gate": str(gate)})
    wait_until(starts.exists, "the task runs")

    assert down(home) is True
    assert processes_of(home) == []
    assert status(home) is None
    assert down(home) is False

    gate.touch()
    url = up(home, SETTINGS).url
    assert url == client._url
    assert client.wait("hold", "interrupted", within=LIMIT).state == "success"
    assert len(starts.read_text().split()) == 2


def test_what_a_killed_runner_left_is_cleared_by_the_next_start(client: AirflowClient, home: Home) -> None:
    running = status(home)
    assert running
    os.kill(running.runner.pid, signal.SIGKILL)
    wait_until(lambda: not running.runner.is_alive(), "the runner is dead")

    assert status(home) is None
    again = up(home, SETTINGS)

    assert again.runner != running.runner
    assert session_members(running.runner) == []
    client.trigger("greet", run_id="after-crash")
    assert client.wait("greet", "after-crash", within=LIMIT).state == "success"


@pytest.mark.parametrize("changes", [{"started": 1.0}, {"boot": "another boot"}], ids=["reused", "rebooted"])
def test_a_stranger_with_the_recorded_id_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]
) -> None:
    monkeypatch.setenv("WINDLASS_CACHE", str(tmp_path))
    home = Home.of("stale")
    home.root.mkdir(parents=True)
    mine = psutil.Process()
    record = asdict(ProcessRecord.of(mine.pid)) | changes
    home.record.write_text(json.dumps({"url": "http://127.0.0.1:9", "runner": record}))

    assert down(home) is False

    assert mine.is_running()
    assert not home.record.exists()


def test_refuses_a_name_that_would_leave_its_directory() -> None:
    with pytest.raises(WindlassError, match="no name"):
        Home.of("../elsewhere")
