"""The user's own stacks; the scripts run for real, with a program on PATH that stands for docker."""

from __future__ import annotations

import os
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from windlass.domain.rendering import HealthCheck
from windlass.domain.scripts.script import changes_of
from windlass.domain.scripts.user_stacks import remove_others_script
from windlass.operations.apply.user_stacks import probe_argv

DOCKER = """#!/bin/sh
echo "$*" >> $STATE/calls
[ "$1" != ps ] || echo c1
"""


@pytest.fixture
def stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").write_text(DOCKER)
    (tmp_path / "bin" / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("STATE", str(tmp_path))
    monkeypatch.setattr("windlass.domain.scripts.user_stacks.STACKS", str(tmp_path / "stacks"))
    monkeypatch.setattr("windlass.domain.host.layout.DATA", str(tmp_path / "data"))
    return tmp_path / "stacks"


def remove_others(*desired: str) -> tuple[str, ...]:
    argv = ["sh", "-s"]
    script = remove_others_script(desired).text
    done = subprocess.run(argv, input=script, capture_output=True, text=True, check=True, timeout=30)
    return changes_of(done.stdout)


def test_a_stack_that_is_no_longer_wanted_is_taken_away(stacks: Path) -> None:
    for name in ("etcd", "edge-proxy"):
        (stacks / name).mkdir(parents=True)
    assert remove_others("etcd", "api-proxy") == ("removed stack edge-proxy",)
    assert [path.name for path in stacks.iterdir()] == ["etcd"]
    calls = (stacks.parent / "calls").read_text().splitlines()
    listed = "ps -aq --filter label=com.docker.compose.project=windlass-edge-proxy"
    assert calls == [listed, "stop c1", "rm -fv c1"]
    assert remove_others("etcd", "api-proxy") == ()


def test_data_go_with_their_stack_where_it_says_so_and_stay_else(stacks: Path) -> None:
    compose = {"db": "services: {}\nx-windlass-data: delete\n", "cache": "# x-windlass-data: delete\n", "web": None}
    for name, text in compose.items():
        (stacks / name).mkdir(parents=True)
        (stacks.parent / "data" / "stacks" / name / "base").mkdir(parents=True)
        if text is not None:
            (stacks / name / "compose.yaml").write_text(text)
    assert len(remove_others("etcd")) == 3
    assert sorted(path.name for path in (stacks.parent / "data" / "stacks").iterdir()) == ["cache", "web"]


def test_a_stack_of_windlass_stays_whatever_the_spec_says(stacks: Path) -> None:
    (stacks / "etcd").mkdir(parents=True)
    assert remove_others("api-proxy") == ()
    assert (stacks / "etcd").is_dir()


def test_without_any_stack_there_is_nothing_to_take_away(stacks: Path) -> None:
    assert remove_others("etcd") == ()
    stacks.mkdir()
    assert remove_others("etcd") == ()


def check(**changes: Any) -> HealthCheck:
    second = timedelta(seconds=2)
    values: dict[str, Any] = {
        "port": 80,
        "protocol": "http",
        "request_line": "GET /healthz HTTP/1.0",
        "address": "host",
        "client_certificate": None,
        "interval": second,
        "response_timeout": second,
        "initializing_timeout": second,
        "reinitializing_timeout": second,
        "healthy_threshold": 2,
        "unhealthy_threshold": 3,
        "strategy": "recreate",
        "quorum": 0,
    }
    return HealthCheck(**{**values, **changes})


def test_a_service_is_asked_as_its_check_says() -> None:
    assert probe_argv(check(), "192.0.2.1")[-1] == "http://192.0.2.1:80/healthz"
    assert probe_argv(check(address="loopback"), "192.0.2.1")[-1] == "http://127.0.0.1:80/healthz"
    secure = probe_argv(check(protocol="https", client_certificate="/pki/health"), "192.0.2.1")
    assert {"--insecure", "/pki/health.crt", "/pki/health.key"} <= set(secure)
    assert "telnet://192.0.2.1:80" in probe_argv(check(protocol="tcp"), "192.0.2.1")[2]
