"""The docker provider's hook reaches a host's engine over the host's own SSH connection."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from windlass.airflow.hooks.compose import compose_hook
from windlass.effects.ssh.client import connect
from windlass.effects.ssh.connection import Connection
from windlass.errors import UnreachableError
from windlass_lab.model import Lab

pytestmark = pytest.mark.lab

_START = """set -e
libraries=$(ldd /usr/bin/sleep | grep -o '/[^ ]*')
tar -ch /usr/bin/sleep $libraries 2>/dev/null | docker import - windlass-trial >/dev/null
docker rm -f windlass-trial >/dev/null 2>&1 || true
docker run -d --name windlass-trial --network none --stop-timeout 1 --label io.windlass.cluster=trial \
  --label io.windlass.component=sleeper --label io.windlass.digest=sha256:1 windlass-trial /usr/bin/sleep 600
"""


@pytest.fixture
def host(lab: Lab) -> Iterator[Connection]:
    with connect(lab.target("cp-1")) as connection:
        connection.run(["sh", "-s"], sudo=True, stdin=_START.encode())
        yield connection
        connection.run(["docker", "rm", "-f", "windlass-trial"], sudo=True)
        connection.run(["docker", "rmi", "windlass-trial"], sudo=True)


def test_containers_are_looked_at_and_restarted(host: Connection) -> None:
    with compose_hook(host) as hook:
        containers = hook.containers("trial")
        (before,) = containers.all()
        assert (before.name, before.component, before.digest) == ("windlass-trial", "sleeper", "sha256:1")
        after = containers.restart("sleeper")
        assert (after.container_id, after.is_running) == (before.container_id, True)
        assert before.started is not None
        assert after.started is not None
        assert after.started > before.started
        assert containers.find("etcd") is None
        assert hook.containers("another").all() == ()


def test_an_engine_that_is_down_is_unreachable(host: Connection) -> None:
    host.run(["systemctl", "stop", "docker.socket", "docker.service"], sudo=True)
    try:
        with compose_hook(host) as hook, pytest.raises(UnreachableError, match="cp-1: docker does not answer"):
            hook.containers("trial")
    finally:
        host.run(["systemctl", "start", "docker.service"], sudo=True)
