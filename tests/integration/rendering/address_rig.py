"""Hosts that share an address, as network namespaces at one switch: `address_rig.py DIRECTORY` tells what became.

Run in a network, mount and PID namespace of its own, with all of which it ends. Below DIRECTORY is one directory for
each host: `address`, `server.pem`, and trees of the images `haproxy` and `keepalived` with the host's files in them.
"""

from __future__ import annotations

import http.server
import json
import os
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

ADDRESS, PORT = "192.0.2.100", 6443
SWITCH = "192.0.2.1"


def shell(text: str) -> str:
    return subprocess.run(["sh", "-c", text], check=True, capture_output=True, text=True).stdout


class ApiServer(http.server.BaseHTTPRequestHandler):
    """Runs as a process of its own in a host's namespace; /readyz says 500 as long as a file is there."""

    directory = Path()
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.directory.name.encode()
        self.send_response(500 if self.path == "/readyz" and (self.directory / "unready").exists() else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """The rig says what matters."""


def serve(directory: Path) -> None:
    """Be a host's API server."""
    ApiServer.directory = directory
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem")
    server = http.server.ThreadingHTTPServer(("0.0.0.0", PORT), ApiServer)  # noqa: S104  as an API server does
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    server.serve_forever()


class Host:
    """One host of the control plane."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.name = directory, directory.name
        self.own = (directory / "address").read_text()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def connect(self) -> None:
        """Plug it into the switch."""
        shell(
            f"ip netns add {self.name}; ip link add {self.name} type veth peer name eth0 netns {self.name}; "
            f"ip link set {self.name} master switch up; ip -n {self.name} link set lo up; "
            f"ip -n {self.name} link set eth0 up; ip -n {self.name} addr add {self.own}/24 dev eth0"
        )

    def start(self, what: str) -> None:
        """Start one of its programs, as its container does."""
        stacks = "/etc/windlass/stacks"
        argv = {
            "api": [sys.executable, __file__, str(self.directory), "serve"],
            "haproxy": ["haproxy", "-W", "-db", "-f", f"{stacks}/api-proxy/haproxy.cfg"],
            "keepalived": shlex.split((self.directory / "keepalived.command").read_text()),
        }[what]
        if what != "api":
            tree = shlex.quote(str(self.directory / what))
            inside = f"mount -t proc proc {tree}/proc; mount -t tmpfs tmpfs {tree}/run; exec chroot {tree} "
            argv = ["sh", "-c", inside + shlex.join(argv)]
        log = (self.directory / f"{what}.log").open("ab")
        command = ["ip", "netns", "exec", self.name, *argv]
        self.processes[what] = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def send(self, what: str, number: signal.Signals) -> None:
        """Send a signal to a program, as Docker does."""
        os.kill(self.processes[what].pid, number)

    def kill(self, what: str) -> None:
        """End all processes of a program at once, as the end of its container does."""
        named = {"api": "python"}.get(what, what)
        for pid in shell(f"ip netns pids {self.name}").split():
            with suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text().startswith(named):
                    os.kill(int(pid), signal.SIGKILL)

    @property
    def holds(self) -> bool:
        return f" {ADDRESS}/" in shell(f"ip -n {self.name} -o addr")


class Client:
    """Asks at the address all the time, each time by a new connection."""

    def __init__(self) -> None:
        self.answers: list[float] = []
        self.failures: list[float] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        while True:
            with (
                suppress(OSError),
                socket.create_connection((ADDRESS, PORT), timeout=0.3) as plain,
                context.wrap_socket(plain) as asked,
            ):
                asked.sendall(b"GET /name HTTP/1.0\r\n\r\n")
                if asked.recv(100):
                    self.answers.append(time.monotonic())
                    time.sleep(0.05)
                    continue
            self.failures.append(time.monotonic())
            time.sleep(0.05)

    def gap(self, since: float) -> float:
        """Return the longest time without an answer, up to now, in which the client was turned away at least once.

        That nothing was asked for a while on a busy machine is none.
        """
        before = [one for one in self.answers if one <= since][-1:] or [since]
        moments = [*before, *(one for one in self.answers if one > since), time.monotonic()]
        pairs = [pair for pair in pairwise(moments) if any(pair[0] < one <= pair[1] for one in self.failures)]
        return max((after - before for before, after in pairs), default=0.0)


def play(hosts: list[Host]) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield for each thing that happens who holds the address after it, who did before, and the longest gap."""
    client = Client()
    for host in hosts:
        for what in ("api", "haproxy", "keepalived"):
            host.start(what)

    def holders() -> list[str]:
        return [host.name for host in hosts if host.holds]

    def holder() -> Host:
        while len(found := [host for host in hosts if host.holds]) != 1:
            time.sleep(0.1)  # who started the rig does not wait for ever
        return found[0]

    def step(name: str, act: Callable[[], object], seconds: float = 8) -> tuple[str, dict[str, object]]:
        before, began = holders(), time.monotonic()
        act()
        time.sleep(seconds)
        return name, {"before": before, "after": holders(), "gap": round(client.gap(began), 2)}

    yield step("started", lambda: None, 12)
    first = holder()
    yield step("its link is down", lambda: shell(f"ip link set {first.name} down"))
    yield step("its link is up again", lambda: shell(f"ip link set {first.name} up"), 12)
    second = holder()
    unready = second.directory / "unready"
    yield step("its API server is not ready", unready.touch)
    yield step("its API server is ready again", unready.unlink)
    third = holder()
    yield step("its API server is killed", lambda: third.kill("api"))
    yield step("its API server is started again", lambda: third.start("api"))
    fourth = holder()
    yield step("its API proxy is killed", lambda: fourth.kill("haproxy"))
    yield step("its API proxy is started again", lambda: fourth.start("haproxy"))
    fifth = holder()
    yield step("keepalived is killed", lambda: fifth.kill("keepalived"))
    yield step("keepalived is started again", lambda: fifth.start("keepalived"), 12)
    sixth = holder()
    yield step("keepalived is told to end", lambda: sixth.send("keepalived", signal.SIGTERM))
    yield step("it is started after its end", lambda: sixth.start("keepalived"))
    yield step("all load their files", lambda: [host.send("keepalived", signal.SIGHUP) for host in hosts])
    yield step("no API server is ready", lambda: [(host.directory / "unready").touch() for host in hosts])
    yield step("all are ready", lambda: [(host.directory / "unready").unlink() for host in hosts])


def main(directory: Path) -> None:
    """Connect the hosts, and print what became of the address after each thing that happened."""
    shell("mount -t tmpfs tmpfs /run; mkdir /run/netns; ip link add switch type bridge; ip link set lo up")
    shell(f"ip link set switch up; ip addr add {SWITCH}/24 dev switch")
    hosts = [Host(path) for path in sorted(directory.iterdir()) if path.is_dir()]
    for host in hosts:
        host.connect()
    for name, became in play(hosts):
        print(json.dumps({name: became}), flush=True)  # noqa: T201  who started it reads that


if __name__ == "__main__":
    if sys.argv[-1] == "serve":
        serve(Path(sys.argv[1]))
    else:
        main(Path(sys.argv[1]))
