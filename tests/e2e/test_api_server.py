from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from e2e.ground import Ground, wait_for

API_SERVER = "windlass-kube-apiserver"
_ASK = "curl -fsS --max-time 5 --cacert /etc/windlass/pki/ca.crt https://127.0.0.1:7443/readyz"
ASK_TEN_TIMES = f"for n in 1 2 3 4 5 6 7 8 9 10; do {_ASK} >/dev/null 2>&1 && echo ok; done; true"
HOSTS = ("cp-2", "cp-3", "w-1")


@pytest.fixture
def without_first(cluster: Ground) -> Iterator[Ground]:
    """The cluster with the API server of cp-1 killed."""
    cluster.on("cp-1", f"docker kill {API_SERVER}")
    yield cluster
    cluster.on("cp-1", f"docker start {API_SERVER}")
    ask = "curl -fsS --max-time 2 --cacert /etc/windlass/pki/ca.crt https://127.0.0.1:6443/readyz || true"
    wait_for(lambda: cluster.on("cp-1", ask) == "ok", "the API server of cp-1 is ready again")


def test_every_proxy_goes_on_answering_without_one_api_server(without_first: Ground) -> None:
    def answers(host: str) -> bool:
        return without_first.on(host, ASK_TEN_TIMES).split() == ["ok"] * 10

    # The kill cuts what was open: a proxy that had not noticed yet may lose a request, and none after that.
    for host in ("cp-1", *HOSTS):
        wait_for(lambda host=host: answers(host), f"ten answers in a row on {host}", timedelta(seconds=30))
    assert without_first.on("cp-1", f"docker inspect --format '{{{{.State.Running}}}}' {API_SERVER}").strip() == "false"


def test_a_write_through_the_proxy_of_a_host_without_api_server_arrives(without_first: Ground) -> None:
    without_first.kubectl("cp-1", "create", "configmap", "e2e-written", "--from-literal=a=b")

    assert without_first.kubectl("cp-2", "get", "configmap", "e2e-written", "-o", "jsonpath={.data.a}") == "b"
    without_first.kubectl("cp-3", "delete", "configmap", "e2e-written")
