"""Where a command runs: in a worker, by a login to Airflow, or here, with Airflow's connections."""

from __future__ import annotations

import argparse
import getpass
import os
import platform
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from windlass.cli.airflow_access import is_by_airflow, open_client, take_connections
from windlass.errors import UnreachableError, WindlassError
from windlass.operation_names import Operation

if TYPE_CHECKING:
    from windlass.cli.embedded.client import AirflowClient
    from windlass.domain.remote import Answer, Arguments, Command

BEGUN_WITHIN = timedelta(seconds=60)
"""How long it may take until a worker has the command."""
DONE_WITHIN = timedelta(minutes=30)
"""How long the worker may take: as long as Airflow lets the task."""
_PAUSE_SECONDS = 0.5
Show = Callable[[str], None]


def run_command(
    arguments: argparse.Namespace,
    command: Command,
    given: Arguments,
    *,
    cluster: str = "",
    who: str | None = None,
    show: Show = print,
) -> int:
    """Run a command where `--airflow` or the environment says, and return its exit code.

    Here it is run for `who`, by default for whoever runs this process; over Airflow the login says for whom. `show`
    gets what it prints, which may be secret; what people are told beside it goes to where errors go.
    """
    if is_by_airflow(arguments.airflow, os.environ):
        with open_client(arguments.airflow) as client:
            answer = ask(client, command, given, cluster)
        for line in answer.err:
            _tell(line)
        for text in answer.out:
            show(text)
        return answer.exit_code
    take_connections(arguments.airflow)
    # Airflow reads its settings from the environment when it is imported, and no other command should wait for it.
    from windlass.airflow.command_handlers import Caller, perform
    from windlass.domain.lease import Owner

    who = who or person()
    return perform(command, cluster, given, Caller(who, Owner(f"windlass {command}", who), show, _tell))


def person() -> str:
    """Return who runs this command, as certificates and histories name them."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a number that nobody gave a name, as in some containers
        user = f"uid {os.getuid()}"
    return f"{user}@{platform.node()}"


def ask(client: AirflowClient, command: Command, given: Arguments, cluster: str = "") -> Answer:
    """Give a command over Airflow and wait for its answer, which nobody but this process can open.

    RefusedError with Airflow's reason, UnreachableError if no worker takes it or is done in time.
    """
    from windlass.domain.bounded import read_from
    from windlass.domain.remote import Answer, AnswerKey, answer_context

    key, path = AnswerKey.new(), f"clusters/{quote(cluster, safe='')}/commands" if cluster else "commands"
    body = {"command": command.value, "arguments": given.model_dump(mode="json"), "key": key.public}
    started = client.ask_plugin("POST", path, json=body)
    with read_from("what Airflow answered", "see whether its Windlass is as new as this one"):
        run = str(started["run"])
    what = f"`windlass {command}` (run {run} of `{Operation.COMMAND}`)"
    sealed = _wait(client, f"{path}/{quote(run, safe='')}", what)
    return Answer.from_bytes(key.open(sealed, answer_context(run, command, cluster)))


def _wait(client: AirflowClient, path: str, what: str) -> str:
    from windlass.domain.bounded import read_from

    begin, end = (time.monotonic() + one.total_seconds() for one in (BEGUN_WITHIN, DONE_WITHIN))
    while True:
        found = client.ask_plugin("GET", path)
        with read_from("what Airflow answered", "see whether its Windlass is as new as this one"):
            state, sealed = str(found["state"]), str(found["answer"])
        if state == "answered":
            return sealed
        if state == "failed":
            raise WindlassError(f"{what} failed; its log in Airflow says why")
        if state == "waiting" and time.monotonic() > begin:
            raise UnreachableError(
                f"no worker of Airflow has begun {what} within {BEGUN_WITHIN.total_seconds():.0f} s; see whether its "
                "scheduler and workers run and have a slot free, then give the command again"
            )
        if time.monotonic() > end:
            raise UnreachableError(f"{what} is still at work after {DONE_WITHIN}; its log in Airflow says at what")
        time.sleep(_PAUSE_SECONDS)


def _tell(text: str) -> None:
    print(text, file=sys.stderr)
