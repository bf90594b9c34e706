from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from airflow.sdk import BaseNotifier, Variable

from packages import install
from windlass.airflow.notifications import VARIABLE, send
from windlass.airflow.notifiers import OFFICIAL, allowed_classes, notifier_class
from windlass.domain.notice import Notice
from windlass.errors import SpecError

OPTION = "AIRFLOW__WINDLASS__NOTIFIERS"
HERE = f"{__name__}.Recorder"
PAGER = """
from airflow.sdk import BaseNotifier

class Pager(BaseNotifier):
    pass
"""


class Recorder(BaseNotifier):
    """Keeps what it is told; its text is a template, as those of the official ones are."""

    template_fields = ("text",)
    told: list[str] = []  # noqa: RUF012 - one for all that are made

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def notify(self, context: Any) -> None:
        Recorder.told.append(self.text)


def function(text: str) -> None:
    Recorder.told.append(f"called with {text}")


class NoNotifier:
    def __init__(self, text: str) -> None:
        Recorder.told.append(f"made with {text}")


@pytest.fixture(autouse=True)
def told() -> list[str]:
    Recorder.told.clear()
    return Recorder.told


def configure(monkeypatch: pytest.MonkeyPatch, *entries: dict[str, Any]) -> None:
    monkeypatch.setattr(Variable, "get", lambda key, default: json.dumps(entries) if key == VARIABLE else default)


def alert(text: str) -> Notice:
    return Notice("demo", text, "error", "cp-1", "host", is_alert=True)


@pytest.mark.parametrize(
    ("named", "arguments"),
    [
        ("os.system", {"command": "touch {marker}"}),
        ("subprocess.Popen", {"args": ["touch", "{marker}"]}),
        ("subprocess.check_call", {"args": ["touch", "{marker}"]}),
        ("subprocess:check_call", {"args": ["touch", "{marker}"]}),
        ("pathlib.Path", {}),
        ("windlass.airflow.notifications.ClusterNotifier", {"cluster": "demo", "text": "again and again"}),
        (5, {}),
        ([], {}),
    ],
)
def test_a_variable_makes_nothing_run_that_is_not_allowed(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    told: list[str],
    caplog: pytest.LogCaptureFixture,
    named: Any,
    arguments: dict[str, Any],
) -> None:
    marker = tmp_path / "marker"
    filled = json.loads(json.dumps(arguments).replace("{marker}", str(marker)))
    monkeypatch.setenv(OPTION, HERE)
    configure(
        monkeypatch,
        {"notifier": named, "arguments": filled},
        {"notifier": HERE, "arguments": {"text": "{{ windlass.text }}"}},
    )

    send([alert("cp-1 is down")], {})

    assert not marker.exists()
    assert told == ["cp-1 is down"]
    assert f"`{named}` is no notifier that this Airflow allows" in caplog.text
    assert OPTION in caplog.text


@pytest.mark.parametrize("name", ["function", "NoNotifier"])
def test_what_is_allowed_is_looked_at_before_it_is_called(
    monkeypatch: pytest.MonkeyPatch, told: list[str], name: str
) -> None:
    monkeypatch.setenv(OPTION, f"{__name__}.{name}")
    configure(monkeypatch, {"notifier": f"{__name__}.{name}", "arguments": {"text": "x"}})

    send([alert("cp-1 is down")], {})

    assert told == []
    with pytest.raises(SpecError, match=f"{name}.*is no notifier; name a class derived from BaseNotifier"):
        notifier_class(f"{__name__}.{name}")


def test_what_was_observed_is_no_template(monkeypatch: pytest.MonkeyPatch, told: list[str]) -> None:
    text = "etcd said: {{ secret }} {{ 6 * 7 }} {% raw %}"
    monkeypatch.setenv(OPTION, HERE)
    configure(monkeypatch, {"notifier": HERE, "arguments": {"text": "{{ windlass.text }}"}})

    send([alert(text)], {"secret": "hunter2"})  # type: ignore[typeddict-unknown-key]

    assert told == [text]


@pytest.mark.parametrize(
    ("option", "allowed"),
    [
        (None, OFFICIAL),
        ("", ()),
        ("my.Pager", ("my.Pager",)),
        (" my.Pager,\n their.Pager, ", ("my.Pager", "their.Pager")),
    ],
)
def test_whoever_runs_airflow_says_which_notifiers_there_are(
    monkeypatch: pytest.MonkeyPatch, option: str | None, allowed: tuple[str, ...]
) -> None:
    if option is not None:
        monkeypatch.setenv(OPTION, option)
    assert allowed_classes() == allowed


@pytest.mark.parametrize("path", OFFICIAL)
def test_those_that_are_allowed_by_themselves_are_notifiers(path: str) -> None:
    if find_spec(".".join(path.split(".")[:3])) is None:
        with pytest.raises(SpecError, match=f"`{path}` cannot be used: .*install what it needs"):
            notifier_class(path)
    else:
        assert notifier_class(path).__name__ == path.rpartition(".")[2]


@pytest.mark.parametrize("option", [None, ""])
def test_a_notifier_of_an_installed_package_is_named_by_its_entry_point(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, option: str | None
) -> None:
    if option is not None:
        monkeypatch.setenv(OPTION, option)
    install(
        tmp_path, monkeypatch, "ourpager", group="windlass.notifiers", entries={"pager": "ourpager:Pager"}, code=PAGER
    )
    assert notifier_class("pager").__name__ == "Pager"
    with pytest.raises(SpecError, match=r"`ourpager\.Pager` is no notifier that this Airflow allows"):
        notifier_class("ourpager.Pager")


def test_a_path_without_a_module_says_that_it_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OPTION, "Pager")
    with pytest.raises(SpecError, match="`Pager` cannot be used"):
        notifier_class("Pager")


def test_a_notifier_is_called_with_the_context(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Mock()
    monkeypatch.setattr(Recorder, "notify", seen)
    monkeypatch.setenv(OPTION, HERE)
    configure(monkeypatch, {"notifier": HERE, "arguments": {"text": "x"}})
    send([alert("y")], {"run_id": "mine"})
    seen.assert_called_once_with({"run_id": "mine"})
