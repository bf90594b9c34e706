from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from windlass.cli.main import main
from windlass.cli.upgrade import add_commands, conf_of


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
    (tmp_path / "spec.yaml").write_text("kind: Cluster\n")
    assert conf_of(parsed("demo", "--spec", str(tmp_path / "spec.yaml")))["spec"] == "kind: Cluster\n"


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
