from __future__ import annotations

import argparse
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from windlass.cli import runs
from windlass.cli.embedded.client import DagRunState, TaskView
from windlass.cli.main import main
from windlass.cli.upgrade import add_commands, conf_of
from windlass.errors import SpecError
from world.specs import SINGLE


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    return parser.parse_args(["upgrade", *words])


def test_words_become_the_params_of_the_run() -> None:
    assert conf_of(parsed("demo", "--to", "v1.37.2")) == {"cluster": "demo", "version": "v1.37.2"}
    words = ("demo", "--to", "v1.37.2", "--plan", "--approve", "--stop-after", "cp-2", "--reason", "why")
    assert conf_of(parsed(*words)) == {
        "cluster": "demo",
        "version": "v1.37.2",
        "plan_only": True,
        "auto_approve": True,
        "stop_after": "cp-2",
        "reason": "why",
    }


def test_a_changed_spec_goes_as_text(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SINGLE)
    assert conf_of(parsed("demo", "--spec", str(tmp_path / "spec.yaml")))["spec"] == SINGLE


def test_a_spec_with_a_secret_in_clear_does_not_leave_the_machine(tmp_path: Path) -> None:
    secret = "{apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {b: hunter2}}"
    (tmp_path / "spec.yaml").write_text(f'{SINGLE}  manifests: [{{name: app, content: "{secret}"}}]\n')
    with pytest.raises(SpecError, match=r"spec.yaml: spec.manifests\[0\].content: .* in clear") as refusal:
        conf_of(parsed("demo", "--spec", str(tmp_path / "spec.yaml")))
    assert "hunter2" not in str(refusal.value)


def test_a_pause_is_asked_for_with_a_reason_and_nothing_else(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Mock()
    client.follow.side_effect = lambda dag, run, show, **_: DagRunState(dag, run, "success")
    client.xcom.return_value = {"cluster": "demo", "run": "one"}
    monkeypatch.setattr(runs, "open_client", lambda _: nullcontext(client))

    assert main(["upgrade", "demo", "--pause", "--reason", "why", "--run-id", "p"]) == 0

    client.trigger.assert_called_once_with("pause_upgrade", run_id="p", conf={"cluster": "demo", "reason": "why"})
    client.xcom.assert_called_once_with("pause_upgrade", "p", "ask")
    assert json.loads(capsys.readouterr().out)["run"] == "one"
    assert main(["upgrade", "demo", "--pause", "--to", "v1.37.2"]) == 2
    assert "takes no params of one: version" in capsys.readouterr().err


def test_a_pause_of_nothing_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    client = Mock()
    client.follow.side_effect = lambda dag, run, show, **_: DagRunState(dag, run, "failed")
    client.tasks.return_value = [TaskView("ask", "", -1, 1, "failed", 1.0)]
    client.log.return_value = "AirflowFailException: demo: no rollout is at work: there is nothing to pause"
    monkeypatch.setattr(runs, "open_client", lambda _: nullcontext(client))

    assert main(["upgrade", "demo", "--pause"]) == 3

    assert "pause_upgrade" in capsys.readouterr().err


def test_what_a_pipeline_reads_is_the_result_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Mock()

    def follow(dag: str, run: str, show: Any, **_: Any) -> DagRunState:
        show(TaskView("roll", "etcd cp-2", 0, 1, "success", 3.2))
        return DagRunState(dag, run, "success")

    client.follow.side_effect = follow
    client.xcom.return_value = {"state": "done"}
    monkeypatch.setattr(runs, "open_client", lambda _: nullcontext(client))

    assert main(["upgrade", "demo", "--to", "v1.37.2", "--approve"]) == 0

    shown = capsys.readouterr()
    assert json.loads(shown.out) == {"state": "done"}
    assert "success        etcd cp-2 (3.2 s)" in shown.err


@pytest.mark.parametrize(("failed", "code"), [("gate", 3), ("check", 3), ("roll", 1), ("verify", 1)])
def test_the_exit_code_tells_a_refusal_from_a_failure(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, failed: str, code: int
) -> None:
    client = Mock()
    client.follow.side_effect = lambda dag, run, show, **_: DagRunState(dag, run, "failed")
    client.tasks.return_value = [TaskView(failed, "", -1, 1, "failed", 1.0)]
    client.log.return_value = "AirflowFailException: disk: w-1 is full"
    monkeypatch.setattr(runs, "open_client", lambda _: nullcontext(client))

    assert main(["upgrade", "demo", "--to", "v1.37.2"]) == code

    assert "w-1 is full" in capsys.readouterr().err


def test_without_an_airflow_it_says_how_to_name_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WINDLASS_AIRFLOW_URL", raising=False)
    assert main(["upgrade", "demo", "--to", "v1.37.2"]) == 2
    assert "Give --airflow NAME" in capsys.readouterr().err


def test_an_airflow_that_does_not_run_is_no_answer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WINDLASS_CACHE", str(tmp_path))
    assert main(["upgrade", "demo", "--airflow", "nobody"]) == 4
    assert "does not run" in capsys.readouterr().err
