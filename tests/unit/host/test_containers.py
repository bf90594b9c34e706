from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from unittest.mock import create_autospec

import pytest
from docker import APIClient
from docker.errors import APIError, NotFound
from requests.exceptions import ConnectionError as NoConnectionError

from windlass.domain.host.containers import read_container
from windlass.effects.containers import Containers
from windlass.errors import NotReadyError, UnreachableError, WindlassError


def inspected(component: str = "etcd", **state: Any) -> dict[str, Any]:
    labels = {
        "io.windlass.cluster": "demo",
        "io.windlass.component": component,
        "io.windlass.digest": "sha256:1",
        "com.docker.compose.project": "windlass-etcd",
    }
    status = {"Status": "running", "StartedAt": "2026-11-24T05:00:00.123456789Z", "ExitCode": 0, **state}
    config = {"Labels": labels, "Image": "registry/etcd@sha256:2", "StopTimeout": 30}
    return {"Id": f"id-{component}", "Name": f"/windlass-{component}", "Config": config, "State": status}


def engine(*containers: dict[str, Any]) -> Any:
    """A Docker API that has these containers and no other answer."""
    api = create_autospec(APIClient, instance=True)
    api.containers.return_value = [{"Id": one["Id"]} for one in containers]
    api.inspect_container.side_effect = lambda desired: next(one for one in containers if one["Id"] == desired)
    return api


def test_a_container_is_read_from_what_docker_says() -> None:
    found = read_container(inspected())
    assert (found.name, found.component, found.stack, found.is_running) == ("windlass-etcd", "etcd", "etcd", True)
    assert (found.digest, found.config_digest, found.grace_seconds) == ("sha256:1", None, 30)
    assert found.started == datetime(2026, 11, 24, 5, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("0001-01-01T00:00:00Z", None),
        ("2026-11-24T05:00:00Z", datetime(2026, 11, 24, 5, tzinfo=UTC)),
        ("2026-11-24T05:00:00.5Z", datetime(2026, 11, 24, 5, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-11-24T07:00:00.123456789+02:00", datetime(2026, 11, 24, 5, 0, 0, 123456, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_docker_writes_them(text: str, time: datetime | None) -> None:
    assert read_container(inspected(StartedAt=text)).started == time


def test_a_container_that_is_removed_meanwhile_is_no_error() -> None:
    api = engine(inspected())
    api.inspect_container.side_effect = NotFound("no such container")
    assert Containers(api, "cp-1", "demo").all() == ()


def test_a_restart_gives_a_container_its_own_time_to_stop() -> None:
    api = engine(inspected())
    assert Containers(api, "cp-1", "demo").restart("etcd").component == "etcd"
    api.restart.assert_called_once_with("id-etcd", timeout=30)


def test_a_missing_container_is_not_restarted() -> None:
    with pytest.raises(NotReadyError, match="cp-1: there is no container of etcd; apply"):
        Containers(engine(), "cp-1", "demo").restart("etcd")


def test_an_engine_that_does_not_answer_is_unreachable_and_one_that_refuses_says_why() -> None:
    api = engine(inspected())
    api.restart.side_effect = NoConnectionError("aborted")
    with pytest.raises(UnreachableError, match=r"cp-1: docker: restart etcd: no answer: aborted"):
        Containers(api, "cp-1", "demo").restart("etcd")
    api.restart.side_effect = APIError("500", explanation="no space left on device")
    with pytest.raises(WindlassError, match="cp-1: docker: cannot restart etcd: no space left on device"):
        Containers(api, "cp-1", "demo").restart("etcd")
