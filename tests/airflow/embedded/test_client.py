from __future__ import annotations

import pytest

from windlass.cli.embedded.client import AirflowClient, TaskView
from windlass.cli.embedded.instance import status
from windlass.cli.embedded.layout import Home
from windlass.errors import NotReadyError, RefusedError, UnreachableError, WindlassError

from .conftest import LIMIT


def test_a_run_is_followed_task_by_task_to_its_results(client: AirflowClient) -> None:
    seen: list[TaskView] = []
    client.trigger("greet", run_id="followed")

    ended = client.follow("greet", "followed", seen.append, within=LIMIT)

    assert ended.state == "success"
    assert client.xcom("greet", "followed", "first") == "hello from nowhere"
    last = {task.key: task for task in seen}
    assert {task.label for task in last.values() if task.task_id == "each"} == {"a", "b"}
    assert {task.state for task in client.tasks("greet", "followed")} == {"success"}


def test_triggering_again_with_the_same_id_is_harmless(client: AirflowClient) -> None:
    first = client.trigger("greet", run_id="twice")
    second = client.trigger("greet", run_id="twice")

    assert (first.dag_id, first.run_id) == (second.dag_id, second.run_id)
    assert [run.run_id for run in client.runs("greet")].count("twice") == 1


@pytest.mark.parametrize(
    ("dag_id", "words"),
    [
        ("fail_for_good", "cp-1: no quorum without it"),
        ("lack_a_connection", "Airflow has no connection `windlass_store`; add it"),
    ],
)
def test_a_permanent_error_fails_at_once_and_its_words_are_in_the_log(
    client: AirflowClient, dag_id: str, words: str
) -> None:
    client.trigger(dag_id, run_id="r1")

    assert client.wait(dag_id, "r1", within=LIMIT).state == "failed"

    (task,) = client.tasks(dag_id, "r1")
    assert task.try_number == 1
    assert words in client.log(dag_id, "r1", task)


def test_a_transient_error_is_tried_again(client: AirflowClient) -> None:
    client.trigger("fail_once", run_id="r1")

    assert client.wait("fail_once", "r1", within=LIMIT).state == "success"
    assert client.xcom("fail_once", "r1", "flicker") == 2


def test_an_approval_given_in_advance_asks_nobody(client: AirflowClient) -> None:
    client.trigger("ask", run_id="advance", conf={"auto_approve": True})

    assert client.wait("ask", "advance", within=LIMIT).state == "success"


@pytest.mark.parametrize(("option", "state"), [("Approve", "success"), ("Reject", "failed")])
def test_an_approval_waits_for_a_person(client: AirflowClient, option: str, state: str) -> None:
    run_id = f"asked-{option}"
    client.trigger("ask", run_id=run_id)

    def answer(task: TaskView) -> None:
        if task.state == "awaiting_input":
            client.answer_approval("ask", run_id, task, option=option)

    assert client.follow("ask", run_id, answer, within=LIMIT).state == state
    acted = next(task for task in client.tasks("ask", run_id) if task.task_id == "act")
    assert (acted.state == "success") is (option == "Approve")


def test_who_is_asked_is_shown_the_whole_body_as_it_was_written(client: AirflowClient) -> None:
    question = "## Now?\n\n" + "\n".join(
        f"- **warns** {number}: {{{{ 7 * 7 }}}} {{% raw %}} ä `x`" for number in range(999)
    )
    path = "/api/v2/dags/ask_in_full/dagRuns/full/taskInstances/approve/-1/hitlDetails"
    shown: list[str] = []
    client.trigger("ask_in_full", run_id="full", conf={"question": question})

    def look(task: TaskView) -> None:
        if task.state == "awaiting_input":
            shown.append(client._checked(client._send("GET", path))["body"])
            client.answer_approval("ask_in_full", "full", task)

    assert client.follow("ask_in_full", "full", look, within=LIMIT).state == "success"
    assert shown[0] == question


def test_an_unknown_dag_is_reported_with_the_reason(client: AirflowClient) -> None:
    with pytest.raises(WindlassError, match="nosuch"):
        client.trigger("nosuch", run_id="r1")
    with pytest.raises(NotReadyError, match="nosuch"):
        client.wait_for_dag("nosuch", within=LIMIT * 0)


def test_a_wrong_password_is_refused(client: AirflowClient, home: Home) -> None:
    running = status(home)
    assert running
    with AirflowClient(running.url, "admin", "wrong") as stranger, pytest.raises(RefusedError, match="login"):
        stranger.runs("greet")


def test_an_airflow_that_is_not_there_is_unreachable() -> None:
    with AirflowClient("http://127.0.0.1:9", "admin", "x") as client, pytest.raises(UnreachableError, match="does not"):
        client.runs("greet")
