"""The rendered proxy, as the mirror's HAProxy runs it, in front of servers that start, stop, hang and vanish."""

from __future__ import annotations

import csv
import http.client
import os
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import psutil
import pytest

from windlass.domain.host import layout
from windlass.domain.pki.subjects import Signer
from windlass.domain.scripts.apply import settings_script
from windlass.domain.scripts.script import changes_of

NAMES = ("cp-1", "cp-2")
DEADLINE = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ApiServer(ThreadingHTTPServer):
    """A stand-in for an API server: real TLS, a /readyz that says what the test wants, and its own name at /name."""

    daemon_threads = True

    def __init__(self, name: str, certificate: Path) -> None:
        self.name = name
        self.readyz = 200
        self.hangs = threading.Event()
        self.released = threading.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.with_suffix(".crt"), certificate.with_suffix(".key"))
        self.context = context
        super().__init__(("127.0.0.1", 0), Answer)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Speak TLS in the thread of the connection, so that one that says nothing holds up no other."""
        with self.context.wrap_socket(request, server_side=True) as encrypted:
            super().finish_request(encrypted, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Checks that end a connection early are no error of the test."""


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ApiServer

    def do_GET(self) -> None:
        readyz = self.path == "/readyz"
        if readyz and self.server.hangs.is_set():
            self.server.released.wait(DEADLINE)
        body = self.server.name.encode()
        self.send_response(self.server.readyz if readyz else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """The test says what matters."""


@dataclass
class Proxy:
    tree: Path
    port: int
    status_port: int
    authority: Path
    servers: dict[str, ApiServer]
    connections: list[http.client.HTTPSConnection]
    pid: int = 0

    @property
    def config(self) -> Path:
        return self.tree / layout.PROXY_CONFIG.lstrip("/")

    def connect(self) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=str(self.authority))
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=DEADLINE, context=context)
        self.connections.append(connection)
        return connection

    def close(self) -> None:
        for connection in self.connections:
            connection.close()
        for server in self.servers.values():
            server.released.set()
            server.shutdown()
            server.server_close()

    def states(self) -> dict[str, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.status_port, timeout=DEADLINE)
        connection.request("GET", "/stats;csv")
        rows = csv.reader(connection.getresponse().read().decode().splitlines()[1:])
        connection.close()
        return {row[1]: row[17].split()[0] for row in rows if row and row[1] in NAMES}

    def wait_for(self, **states: str) -> None:
        desired = {name.replace("_", "-"): state for name, state in states.items()}
        until(lambda: self.states() == self.states() | desired, f"{desired}")


def ask(connection: http.client.HTTPSConnection) -> str:
    connection.request("GET", "/name")
    return connection.getresponse().read().decode()


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"waited {DEADLINE} s for {what}"
        time.sleep(0.05)


def in_image(tree: Path, *words: str) -> list[str]:
    """Return the command that runs a program of the image as its container does, which starts itself again by name."""
    own = [] if os.geteuid() == 0 else ["unshare", "--map-root-user"]
    return [*own, "chroot", str(tree), *words]


def haproxy(tree: Path, *words: str) -> list[str]:
    """Return the command that runs the HAProxy of the image with the libraries of the image."""
    libraries = ":".join(str(tree / path) for path in ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"))
    loader = tree / "lib64" / "ld-linux-x86-64.so.2"
    return [str(loader), "--library-path", libraries, str(tree / "usr" / "sbin" / "haproxy"), *words]


def certificate(directory: Path, name: str, pki: Any) -> Path:
    leaf = pki.leaves[f"{name}/apiserver"]
    stem = directory / name
    stem.with_suffix(".crt").write_text(leaf.certificate)
    stem.with_suffix(".key").write_bytes(leaf.key.reveal_bytes())
    return stem


@pytest.fixture
def proxy(tmp_path: Path, kit: Any) -> Iterator[Proxy]:
    members = [
        {"name": name, "address": f"192.0.2.{number}", "roles": ["etcd", "control-plane"]}
        for number, name in enumerate(NAMES, start=11)
    ]
    cluster = kit.cluster(members, "v1.37.2", etcd={"allowEven": True})
    pki = kit.pki(cluster)
    servers = {name: ApiServer(name, certificate(tmp_path, name, pki)) for name in NAMES}
    authority = tmp_path / "ca.crt"
    authority.write_text(pki.authorities[Signer.KUBERNETES].certificate)
    release = kit.catalog.release("v1.37.2")
    tree = tmp_path / "image"
    shutil.copytree(kit.unpack("haproxy", release.images["haproxy"]), tree, symlinks=True)
    running = Proxy(tree, free_port(), free_port(), authority, servers, [])

    rendered = kit.files(cluster, cluster.spec.hosts.members[0])[layout.PROXY_CONFIG].text
    running.config.parent.mkdir(parents=True)
    running.config.write_text(moved(rendered, running, members))
    (tree / "ca.crt").write_text(authority.read_text())
    (tree / "dev").mkdir(exist_ok=True)
    (tree / "dev" / "null").touch()
    command = in_image(tree, "haproxy", "-W", "-db", "-f", layout.PROXY_CONFIG)
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        until(lambda: answers(running.status_port), "HAProxy's status page")
        running.pid = process.pid
        yield running
        process.terminate()
    running.close()


def moved(text: str, proxy: Proxy, members: list[dict[str, Any]]) -> str:
    """Return the configuration with the ports of this machine in place of those of a host."""
    for member in members:
        real = f"127.0.0.1:{proxy.servers[member['name']].server_port}"
        text = text.replace(f"{member['address']}:{layout.API_PORT}", real)
    text = text.replace(f":{layout.PROXY_PORT}\n", f":{proxy.port}\n")
    text = text.replace(f":{layout.PROXY_STATUS_PORT}\n", f":{proxy.status_port}\n")
    return text.replace(f"{layout.PKI}/ca.crt", "/ca.crt")


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == os.EX_OK


def test_spreads_over_all_that_are_ready(proxy: Proxy) -> None:
    proxy.wait_for(cp_1="UP", cp_2="UP")
    connections = [proxy.connect() for _ in range(6)]
    assert {ask(connection) for connection in connections} == set(NAMES)


@pytest.mark.parametrize("answer", [403, 500])
def test_one_that_starts_gets_no_connections_yet(proxy: Proxy, answer: int) -> None:
    proxy.servers["cp-1"].readyz = answer
    proxy.wait_for(cp_1="NOLB", cp_2="UP")
    assert {ask(proxy.connect()) for _ in range(6)} == {"cp-2"}
    proxy.servers["cp-1"].readyz = 200
    proxy.wait_for(cp_1="UP")


def test_one_that_stops_keeps_its_connections_and_gets_no_new_ones(proxy: Proxy) -> None:
    proxy.servers["cp-2"].readyz = 500
    proxy.wait_for(cp_1="UP", cp_2="NOLB")
    held = proxy.connect()
    assert ask(held) == "cp-1"
    proxy.servers["cp-2"].readyz = 200
    proxy.servers["cp-1"].readyz = 500
    proxy.wait_for(cp_1="NOLB", cp_2="UP")
    assert ask(held) == "cp-1"
    assert ask(proxy.connect()) == "cp-2"


def test_one_that_hangs_loses_its_connections_so_that_clients_turn_to_another(proxy: Proxy) -> None:
    proxy.servers["cp-2"].readyz = 500
    proxy.wait_for(cp_1="UP", cp_2="NOLB")
    held = proxy.connect()
    assert ask(held) == "cp-1"
    proxy.servers["cp-2"].readyz = 200
    proxy.servers["cp-1"].hangs.set()
    proxy.wait_for(cp_1="DOWN", cp_2="UP")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError, ssl.SSLError)):
        ask(held)
    assert ask(proxy.connect()) == "cp-2"


def test_while_none_says_that_it_is_ready_each_that_answers_is_good_enough(proxy: Proxy) -> None:
    for server in proxy.servers.values():
        server.readyz = 500
    proxy.wait_for(cp_1="NOLB", cp_2="NOLB")
    assert {ask(proxy.connect()) for _ in range(6)} == set(NAMES)
    proxy.servers["cp-2"].readyz = 200
    proxy.wait_for(cp_2="UP")
    assert {ask(proxy.connect()) for _ in range(6)} == {"cp-2"}


def test_while_the_checks_of_all_take_too_long_requests_are_answered_still(proxy: Proxy) -> None:
    for server in proxy.servers.values():
        server.hangs.set()
    proxy.wait_for(cp_1="DOWN", cp_2="DOWN")
    assert ask(proxy.connect()) in NAMES


def test_one_with_a_certificate_of_another_authority_is_never_used(proxy: Proxy, tmp_path: Path, kit: Any) -> None:
    proxy.wait_for(cp_1="UP", cp_2="UP")
    foreign = kit.cluster([{"name": "cp-1", "address": "192.0.2.11", "roles": ["etcd", "control-plane"]}], "v1.37.2")
    stem = certificate(tmp_path, "cp-1", kit.pki(foreign))
    proxy.servers["cp-1"].context.load_cert_chain(stem.with_suffix(".crt"), stem.with_suffix(".key"))
    proxy.wait_for(cp_1="DOWN", cp_2="UP")
    assert {ask(proxy.connect()) for _ in range(6)} == {"cp-2"}


DOCKER = """#!/bin/sh
case $1 in
  inspect) echo "running {pid} sha256:1" ;;
  exec) shift 2; exec {in_image} "$@" ;;
  kill) kill -s USR2 {pid} ;;
  logs) echo its last words ;;
esac
"""


@dataclass
class Reload:
    """The script that has the proxy read its file again, on this machine."""

    proxy: Proxy
    directory: Path

    def run(self) -> subprocess.CompletedProcess[str]:
        docker = self.directory / "docker"
        docker.write_text(DOCKER.format(pid=self.proxy.pid, in_image=shlex.join(in_image(self.proxy.tree))))
        docker.chmod(0o755)
        (self.proxy.config.parent / "compose.yaml").write_text("sha256:1\n")
        text = settings_script(layout.API_PROXY, [layout.PROXY_CONFIG]).text
        text = text.replace(layout.APPLIED, str(self.directory / "applied"))
        # In the image the file is where it is on a host.
        text = text.replace(f"find {layout.PROXY_CONFIG}", f"find {self.proxy.config}")
        compose = f"{layout.STACKS}/api-proxy/compose.yaml"
        text = text.replace(compose, str(self.proxy.config.parent / "compose.yaml"))
        environment = os.environ | {"PATH": f"{self.directory}:{os.environ['PATH']}"}
        return subprocess.run(
            ["sh", "-s"], input=text, capture_output=True, text=True, check=False, timeout=DEADLINE, env=environment
        )


@dataclass
class Clients:
    """Clients that connect again and again, and count what fails."""

    proxy: Proxy
    count: int = 0
    failures: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self.threads = [threading.Thread(target=self._ask_on) for _ in range(3)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def asked(self, more: int) -> None:
        """Wait until that many more requests were answered."""
        before = self.count
        until(lambda: self.count >= before + more or bool(self.failures), f"{more} answers")

    def _ask_on(self) -> None:
        while not self.ended.is_set():
            try:
                ask(self.proxy.connect())
            except OSError as error:
                self.failures.append(repr(error))
            else:
                self.count += 1


def test_a_changed_list_of_api_servers_is_taken_over_and_no_connection_is_cut(proxy: Proxy, tmp_path: Path) -> None:
    proxy.wait_for(cp_1="UP", cp_2="UP")
    held = {name: next(one for one in iter(proxy.connect, None) if ask(one) == name) for name in NAMES}
    whole = proxy.config.read_text()
    without = "\n".join(line for line in whole.splitlines() if "server cp-2" not in line) + "\n"
    reload = Reload(proxy, tmp_path)

    with Clients(proxy) as clients:
        for text in (without, whole, without):
            clients.asked(10)
            proxy.config.write_text(text)
            done = reload.run()
            assert (done.returncode, changes_of(done.stdout)) == (0, (layout.API_PROXY,)), done.stderr
        clients.asked(10)

    assert clients.failures == []
    assert {ask(proxy.connect()) for _ in range(6)} == {"cp-1"}
    assert {name: ask(one) for name, one in held.items()} == {name: name for name in NAMES}
    assert changes_of(reload.run().stdout) == ()


def test_a_file_that_haproxy_does_not_take_fails_loudly_and_the_proxy_serves_on(proxy: Proxy, tmp_path: Path) -> None:
    proxy.wait_for(cp_1="UP", cp_2="UP")
    good = proxy.config.read_text()
    proxy.config.write_text(good + "    nonsense here\n")
    reload = Reload(proxy, tmp_path)

    for _ in range(2):
        done = reload.run()
        assert (done.returncode, changes_of(done.stdout)) == (1, ())
        assert "nonsense" in done.stderr
        assert "the API proxy goes on with what it had" in done.stderr
    assert {ask(proxy.connect()) for _ in range(6)} == set(NAMES)

    proxy.config.write_text(good)
    assert changes_of(reload.run().stdout) == (layout.API_PROXY,)


def test_a_proxy_with_connections_of_before_a_reload_ends_at_once_when_it_is_stopped(
    proxy: Proxy, tmp_path: Path
) -> None:
    proxy.wait_for(cp_1="UP", cp_2="UP")
    held = proxy.connect()
    ask(held)
    assert Reload(proxy, tmp_path).run().returncode == 0
    workers = psutil.Process(proxy.pid).children()
    assert len(workers) == 2

    os.kill(proxy.pid, signal.SIGTERM)

    assert psutil.wait_procs([psutil.Process(proxy.pid), *workers], timeout=4)[1] == []


@pytest.fixture
def edge(tmp_path: Path, kit: Any) -> Iterator[tuple[int, int, ApiServer]]:
    """The stack `edge-proxy` with one worker that answers and one that does not: its ports, and the first's server."""
    members = [
        {"name": "cp-1", "address": "127.0.0.1", "roles": ["etcd", "control-plane"]},
        {"name": "w-1", "address": "127.0.0.2", "roles": ["worker"]},
        {"name": "w-2", "address": "127.0.0.3", "roles": ["worker"]},
    ]
    cluster = kit.cluster(members, "v1.37.2")
    server = ApiServer("w-1", certificate(tmp_path, "cp-1", kit.pki(cluster)))
    port, status = free_port(), free_port()
    stack = {"name": "edge-proxy", "values": {"ports": f"{port}:{server.server_port}", "statusPort": status}}
    cluster = kit.cluster(members, "v1.37.2", stacks=[stack])
    rendered = kit.files(cluster, cluster.spec.hosts.members[0])["/etc/windlass/stacks/edge-proxy/haproxy.cfg"].text
    config = tmp_path / "haproxy.cfg"
    config.write_text(rendered.replace("127.0.0.2:", "127.0.0.1:"))
    release = kit.catalog.release("v1.37.2")
    command = haproxy(kit.unpack("haproxy", release.images["haproxy"]), "-W", "-db", "-f", str(config))
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        until(lambda: answers(status), "the edge proxy's status")
        yield port, status, server
        process.terminate()
    server.shutdown()
    server.server_close()


def test_the_edge_proxy_leads_to_a_worker_that_answers(edge: tuple[int, int, ApiServer]) -> None:
    port, status, _ = edge
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=DEADLINE, context=context)
    assert [ask(connection) for _ in range(3)] == ["w-1"] * 3
    connection.close()
    health = http.client.HTTPConnection("127.0.0.1", status, timeout=DEADLINE)
    health.request("GET", "/healthz")
    assert health.getresponse().status == 200
    health.close()
