"""A real S3 server on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from programs import program
from windlass.domain.secret import Secret
from windlass.effects.store import StoreConfig
from windlass.effects.store.s3 import make_client


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def s3_config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreConfig]:
    directory = tmp_path_factory.mktemp("s3")
    port = free_port()
    config = StoreConfig(
        bucket="windlass",
        endpoint_url=f"http://127.0.0.1:{port}",
        access_key="test-access",
        secret_key=Secret("test-secret"),
    )
    environment = {"PATH": os.defpath, "ROOT_ACCESS_KEY": "test-access", "ROOT_SECRET_KEY": "test-secret"}
    log = directory / "log"
    data = directory / "data"
    data.mkdir()
    with log.open("wb") as output:
        argv = [str(program("versitygw", "v1.8.0")), "--port", f"127.0.0.1:{port}", "posix", str(data)]
        server = subprocess.Popen(argv, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until_it_answers(port, server, log)
        client = make_client(config)
        client.create_bucket(Bucket=config.bucket)
        client.close()
        yield config
    finally:
        server.terminate()
        server.wait(timeout=10)


def wait_until_it_answers(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1).close()
        except urllib.error.HTTPError as answer:
            answer.close()
            return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"the S3 server did not answer within 30 s: {log.read_text()}")
