"""A cluster in use while it is changed: who asks its API through a proxy, and who writes and forgets no answer."""

from __future__ import annotations

import itertools
import ssl
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from bench.inside import keys_of, store_of
from bench.lab_cluster import LabCluster
from windlass.domain.host.layout import API_PORT, PROXY_PORT
from windlass.effects.kubernetes.client import Credentials, KubernetesClient, Resource
from windlass.effects.store import ClusterRecords
from windlass.errors import WindlassError
from windlass.operations.cluster_api import credentials_of

_CONFIG_MAPS = Resource("v1", "configmaps", namespaced=True)
_ASK_SECONDS, _WRITE_SECONDS = 0.05, 0.1
_ANSWER_SECONDS, _WRITE_ANSWER_SECONDS = 10.0, 3.0
_KEPT = 19
"""So many requests come by the connection that is kept, to each one by a new one."""
_RELAY, _RELAY_PORT = "bench-relay", 17443


@dataclass
class Usage:
    """What was asked of the API, and what came of it."""

    asked: int = 0
    retried: list[str] = field(default_factory=list)
    """Requests that failed once and were answered when they were sent again."""
    failed: list[str] = field(default_factory=list)
    """Requests that failed twice."""
    acknowledged: set[str] = field(default_factory=set)
    """Names of the objects that the API said it had written."""


def api_credentials(stand: LabCluster) -> Credentials:
    """Return the login of the cluster's administrator."""
    pki = ClusterRecords(store_of(stand), stand.cluster.name).pki(keys_of(stand))
    if pki is None:
        raise WindlassError("the cluster has no certificates")
    return credentials_of(pki)


@contextmanager
def used(stand: LabCluster, *, through: str = "w-1", writes_to: Sequence[str] = ("cp-1",)) -> Iterator[Usage]:
    """Use the cluster within the block; WindlassError at its end if a write is lost that was acknowledged."""
    usage, ended = Usage(), threading.Event()
    credentials = api_credentials(stand)
    writer = _Writer(stand, credentials, writes_to)
    with _clients(stand, through, credentials) as clients:
        threads = [
            threading.Thread(target=_ask, args=(clients, usage, ended), daemon=True),
            threading.Thread(target=writer.write, args=(usage, ended), daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            yield usage
        finally:
            ended.set()
            for thread in threads:
                thread.join()
    _check_writes(stand, credentials, usage)


def _ask(clients: Sequence[httpx.Client], usage: Usage, ended: threading.Event) -> None:
    while not ended.wait(_ASK_SECONDS):
        client = clients[usage.asked % len(clients)]
        usage.asked += 1
        if first := _once(client):
            second = _once(client)
            (usage.failed if second else usage.retried).append(f"{first}; then {second or 'an answer'}")


def _once(client: httpx.Client) -> str:
    """Return why there was no answer; empty if there was one."""
    try:
        answer = client.get("/api/v1/namespaces/default", extensions={"sni_hostname": "kubernetes"})
    except httpx.HTTPError as error:
        return f"{type(error).__name__}: {error}"
    return "" if answer.is_success else f"{answer.status_code}: {answer.text[:200]}"


@contextmanager
def _clients(stand: LabCluster, host: str, credentials: Credentials) -> Iterator[list[httpx.Client]]:
    """Give clients of the proxy on a host, most of them one that keeps its connection; nothing of ours lies between."""
    relay = f"socat TCP-LISTEN:{_RELAY_PORT},fork,reuseaddr TCP:127.0.0.1:{PROXY_PORT}"
    stand.on(host, f"systemd-run --quiet --collect --unit {_RELAY} {relay}")
    url, context = f"https://{stand.lab.host(host).address}:{_RELAY_PORT}", _context(credentials)
    none_kept = httpx.Limits(max_keepalive_connections=0)
    try:
        with (
            httpx.Client(base_url=url, verify=context, timeout=_ANSWER_SECONDS, trust_env=False) as kept,
            httpx.Client(
                base_url=url, verify=context, timeout=_ANSWER_SECONDS, trust_env=False, limits=none_kept
            ) as fresh,
        ):
            _wait_for_answer(kept)
            yield [fresh, *(kept,) * _KEPT]
    finally:
        stand.on(host, f"systemctl stop {_RELAY}")


def _wait_for_answer(client: httpx.Client) -> None:
    deadline = time.monotonic() + _ANSWER_SECONDS
    while problem := _once(client):
        if time.monotonic() > deadline:
            raise WindlassError(f"the API does not answer through the proxy: {problem}")
        time.sleep(_ASK_SECONDS)


def _context(credentials: Credentials) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=credentials.ca)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(credentials.certificate + credentials.key)
        file.flush()
        context.load_cert_chain(file.name)
    return context


@dataclass(frozen=True)
class _Writer:
    """Writes one object after the other, through whichever of some API servers answers."""

    stand: LabCluster
    credentials: Credentials
    hosts: Sequence[str]

    def write(self, usage: Usage, ended: threading.Event) -> None:
        prefix = f"bench-{uuid.uuid4().hex[:8]}"
        addresses = [self.stand.lab.host(host).address for host in self.hosts]
        clients = [KubernetesClient(one, API_PORT, self.credentials, _WRITE_ANSWER_SECONDS) for one in addresses]
        turn = 0
        for number in itertools.count():
            if ended.wait(_WRITE_SECONDS):
                break
            try:
                clients[turn % len(clients)].create(_CONFIG_MAPS, _object(f"{prefix}-{number}"))
            except WindlassError:
                turn += 1  # another API server; this write may have happened all the same
            else:
                usage.acknowledged.add(f"{prefix}-{number}")
        for client in clients:
            client.close()


def _object(name: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}}


def _check_writes(stand: LabCluster, credentials: Credentials, usage: Usage) -> None:
    with KubernetesClient(stand.lab.host("cp-1").address, API_PORT, credentials) as client:
        there = {one["metadata"]["name"] for one in client.list(_CONFIG_MAPS, "default")}
    if lost := usage.acknowledged - there:
        raise WindlassError(f"{len(lost)} acknowledged writes are lost: {sorted(lost)[:10]}")
    if not usage.acknowledged or not usage.asked:
        raise WindlassError("nobody used the cluster: what was measured says nothing")
    print(f"used: {usage.asked} requests, {len(usage.acknowledged)} writes, none lost", file=sys.stderr)
    for told in (*usage.retried, *usage.failed):
        print(f"used: {told}", file=sys.stderr)
