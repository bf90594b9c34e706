"""Two clients that go on asking while something is done to a cluster, and count what they did not get."""

from __future__ import annotations

import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import httpx

from e2e.ground import VERSION, Ground, wait_for
from windlass.domain.host.layout import PROXY_CONTAINER
from windlass.domain.rendering import MirrorAddresses, image_reference
from windlass.effects.catalog import load_catalog
from windlass.effects.kubernetes.client import Credentials
from windlass.effects.mirror import fetch_lock
from windlass.operations.cluster_api import credentials_of

NAMESPACE, NAME, PORT = "e2e-web", "web", 8080
PROXY_PORT = 7443
PAUSE = 0.05
_KEPT = 19
"""So many requests come by the connection that is kept, to each one by a new one."""
_RENEWED = 20
"""After so many requests, about a second and a half, it is seen whether there are other authorities."""
_RELAY_PORT = 17443
CATALOG = Path(__file__).parents[2] / "include" / "templates" / "kubernetes"


@dataclass
class Count:
    """What a client asked, and what it did not get."""

    asked: int = 0
    retried: list[str] = field(default_factory=list)
    """Requests that failed once and got their answer the second time."""
    failed: list[str] = field(default_factory=list)
    """Requests that failed twice."""
    slowest: float = 0.0
    story: str = ""
    """What the proxy logged meanwhile, where requests failed."""

    def __str__(self) -> str:
        told = f"{self.asked} asked, slowest {self.slowest:.1f} s, retried: {self.retried}, failed: {self.failed}"
        return "\n".join(filter(None, (told, self.story)))


@contextmanager
def api_client(ground: Ground, host: str, *, renews: bool = False) -> Iterator[Count]:
    """Ask for an object every 50 ms through the proxy of `host` until the end of the block; one retry each.

    One connection is kept for as long as it lasts, and now and then a request comes by a new one. Whoever `renews`
    gets the cluster's authorities and a certificate again as they change, as people get their kubeconfigs.
    """
    count, ended = Count(), threading.Event()
    # Nothing of Windlass's own lies between: what fails is the proxy's or the API's.
    relay = f"socat TCP-LISTEN:{_RELAY_PORT},fork,reuseaddr TCP:127.0.0.1:{PROXY_PORT}"
    ground.on(host, f"systemd-run --quiet --collect --unit e2e-relay {relay}")
    try:
        with _Clients(ground, f"https://{ground.lab.host(host).address}:{_RELAY_PORT}") as clients:
            wait_for(lambda: not _once(clients.kept), "the API answers through the proxy")
            asking = threading.Thread(target=_ask_api, args=(clients, count, ended), kwargs={"renews": renews})
            asking.start()
            try:
                yield count
            finally:
                ended.set()
                asking.join()
                if count.failed:
                    count.story = ground.on(host, f"docker logs -t --tail 60 {PROXY_CONTAINER} 2>&1")
    finally:
        ground.on(host, "systemctl stop e2e-relay")


class _Clients:
    """One client that keeps its connection, and one that makes a new one for each request."""

    def __init__(self, ground: Ground, url: str) -> None:
        self._ground, self._url = ground, url
        self._credentials = credentials_of(ground.pki())
        self.kept, self.fresh = self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self.kept.close()
        self.fresh.close()

    def renew(self) -> None:
        """Begin anew if authorities or the certificate have changed."""
        credentials = credentials_of(self._ground.pki())
        if credentials != self._credentials:
            self.close()
            self._credentials = credentials
            self.kept, self.fresh = self._connect()

    def _connect(self) -> tuple[httpx.Client, httpx.Client]:
        context, unkept = _context(self._credentials), httpx.Limits(max_keepalive_connections=0)
        options: dict[str, Any] = {"base_url": self._url, "verify": context, "timeout": 10, "trust_env": False}
        return httpx.Client(**options), httpx.Client(**options, limits=unkept)


def _context(credentials: Credentials) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=credentials.ca)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(credentials.certificate + credentials.key)
        file.flush()
        context.load_cert_chain(Path(file.name))
    return context


def _ask_api(clients: _Clients, count: Count, ended: threading.Event, *, renews: bool) -> None:
    while not ended.wait(PAUSE):
        if renews and count.asked % _RENEWED == 0:
            clients.renew()
        began, client = time.monotonic(), clients.kept if count.asked % (_KEPT + 1) else clients.fresh
        first = _once(client)
        second = _once(client) if first else ""
        count.asked += 1
        count.slowest = max(count.slowest, time.monotonic() - began)
        if second:
            count.failed.append(f"{first}; then {second}")
        elif first:
            count.retried.append(first)


def _once(client: httpx.Client) -> str:
    """Return why there was no answer, and when; empty if there was one."""
    try:
        answer = client.get("/api/v1/namespaces/default", extensions={"sni_hostname": "kubernetes"})
    except httpx.HTTPError as error:
        told = f"{type(error).__name__}: {error}"
    else:
        told = "" if answer.is_success else f"{answer.status_code}: {answer.text[:200]}"
    return told and f"{datetime.now(UTC):%H:%M:%S.%f} {told}"


_ASK_SERVICE = f"""
import signal, socket, sys, time
going, asked, failed = [True], 0, []
signal.signal(signal.SIGTERM, lambda *_: going.clear())
while going:
    asked += 1
    try:
        with socket.create_connection((sys.argv[1], {PORT}), 3) as asking:
            asking.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            answer = b""
            while piece := asking.recv(4096):
                answer += piece
        if b" 200 " not in answer:
            failed.append("%.1f odd answer %r" % (time.time(), answer[:60]))
    except OSError as error:
        failed.append("%.1f %r" % (time.time(), error))
    time.sleep({PAUSE})
print(asked)
print("\\n".join(failed))
"""


@contextmanager
def service_client(ground: Ground, host: str) -> Iterator[Count]:
    """Ask the two-replica Service every 50 ms from `host`, each time by a new connection and without any retry."""
    address = ground.kubectl(
        "cp-1", "-n", NAMESPACE, "get", "service", NAME, "-o", "jsonpath={.spec.clusterIP}"
    ).strip()
    count = Count()
    ground.on(host, f"cat > /tmp/ask.py <<'END'\n{_ASK_SERVICE}END\n")
    ground.on(
        host, f"systemd-run --quiet --unit e2e-ask -p StandardOutput=file:/tmp/ask.out python3 /tmp/ask.py {address}"
    )
    try:
        yield count
    finally:
        ground.on(host, "systemctl stop e2e-ask")
        asked, *failed = ground.on(host, "cat /tmp/ask.out; rm -f /tmp/ask.py /tmp/ask.out").splitlines()
        count.asked, count.failed = int(asked), [line for line in failed if line]


def run_web(ground: Ground, version: str, *, budget: int = 1) -> None:
    """Start two web servers on different hosts, one of them on the worker, behind a Service and a disruption budget."""
    for desired in _objects(toolbox(ground, version), budget):
        with ground.api() as client:
            client.apply(desired)
    arguments = ("-n", NAMESPACE, "rollout", "status", f"deployment/{NAME}", "--timeout=9s")
    wait_for(lambda: _rolled_out(ground, arguments), "two web servers run")


def story_of_web(ground: Ground) -> str:
    """Return what became of the web servers, for the message of a test that fails."""
    events = ("get", "events", "--sort-by=.lastTimestamp", "-o", "custom-columns=:lastTimestamp,:reason,:message")
    asked = (("get", "pods", "-o", "wide"), events)
    return "\n".join(ground.kubectl("cp-1", "-n", NAMESPACE, *arguments) for arguments in asked)


def _rolled_out(ground: Ground, arguments: tuple[str, ...]) -> bool:
    try:
        return "successfully" in ground.kubectl("cp-1", *arguments)
    except Exception:  # noqa: BLE001 - not yet
        return False


def toolbox(ground: Ground, version: str = VERSION) -> str:
    """Return how hosts name the image that tests run in pods."""
    release = load_catalog(CATALOG).release(version)
    mirror = MirrorAddresses(ground.lab.mirror_url, ground.lab.registry)
    return image_reference("toolbox", release, fetch_lock(ground.lab.mirror_url), mirror)


def _objects(image: str, budget: int) -> list[dict[str, Any]]:
    labels = {"app": NAME}
    metadata = {"name": NAME, "namespace": NAMESPACE}
    serve = f"mkdir -p /tmp/www && echo web > /tmp/www/index.html && exec httpd -f -p {PORT} -h /tmp/www"
    worker = {"matchExpressions": [{"key": "node-role.kubernetes.io/worker", "operator": "Exists"}]}
    apart = {"labelSelector": {"matchLabels": labels}, "topologyKey": "kubernetes.io/hostname"}
    pod = {
        "tolerations": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {
            "nodeAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "preference": worker}]
            },
            "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [apart]},
        },
        "containers": [
            {
                "name": NAME,
                "image": image,
                "command": ["sh", "-c", serve],
                "readinessProbe": {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1},
                # Whoever still has the old endpoint gets an answer meanwhile.
                "lifecycle": {"preStop": {"exec": {"command": ["sleep", "5"]}}},
            }
        ],
        # busybox's httpd does not listen to SIGTERM.
        "terminationGracePeriodSeconds": 8,
    }
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": metadata,
            "spec": {"minAvailable": budget, "selector": {"matchLabels": labels}},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": labels, "ports": [{"port": PORT}]},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
    ]
