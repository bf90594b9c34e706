"""What a vantage host says about itself. Part of the probe loop (`loop`): any Python from 3.7 on, nothing else."""

from __future__ import annotations

import calendar
import json
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from typing import Any

from windlass.effects.probe.checks import CONTEXTS

PKI = "/etc/windlass/pki"
API_SERVER_NAME = "kubernetes"
"""What only an API server's certificate is for; the proxy at this host's 127.0.0.1 leads to one."""
CERTIFICATES = "certificates"
"""What a report on the certificates of a host is about."""
AUTHORITIES = "authorities"
"""What one on the authorities is about whose certificates lie there."""
DISKS = ("/var/lib/windlass", "/var/lib/docker", "/")
SOCKETS = {"docker": "/var/run/docker.sock"}
RESTARTS = 3
"""How often systemd has to start a unit again, with less than CALM reports in between, until that is told."""
CALM = 6
"""Reports without a restart after which earlier ones are forgotten; also for how many a unit may be starting."""
MOST_ANSWER = 64 * 1024 * 1024
"""Bytes of a list that the API answers; one of 5,000 nodes has some two million."""
ANSWER_WAIT = 30.0
"""Seconds that such an answer may take."""
ENGINE_WAIT = 8.0
"""Seconds that Docker may take to answer the smallest of questions."""


def container(component: str) -> tuple[str, str]:
    """Return the state of a component's container as Docker names it, and for how many seconds it has been started."""
    form = "{{.State.Status}} {{.State.StartedAt}}"
    said = output(["docker", "inspect", "-f", form, f"windlass-{component}"], 4).split()
    if len(said) < 2:
        return "unknown", "-1"
    return said[0], f"{time.time() - epoch(said[1]):.1f}"


class UnitHistory:
    """How a unit has come up of late, by one report after another."""

    def __init__(self) -> None:
        self._restarts = -1
        self._recent = 0
        self._calm = 0
        self._starting = 0

    def judge(self, state: str, restarts: int) -> str:
        """Return a unit's state; `restarting` if it ends again and again, `stuck` if it takes too long to start."""
        grown = restarts - self._restarts if 0 <= self._restarts < restarts else 0
        self._calm = 0 if grown else self._calm + 1
        # One that somebody else restarted counts its own restarts again.
        self._recent = 0 if self._calm >= CALM or restarts < self._restarts else self._recent + grown
        self._restarts = restarts
        self._starting = self._starting + 1 if state == "activating" else 0
        if self._recent >= RESTARTS and state in ("active", "activating"):
            return "restarting"
        return "stuck" if self._starting >= CALM else state


def units(names: list[str], lives: dict[str, UnitHistory]) -> Iterator[tuple[str, str]]:
    """Yield each systemd unit and its state; one that is active by name alone is `hanging`."""
    asked = [word for name in ("ActiveState", "MainPID", "NRestarts") for word in ("-p", name)]
    said = output(["systemctl", "show", *asked, *names], 5)
    if not said:
        return
    for name, block in zip(names, said.split("\n\n")):
        values = dict(line.partition("=")[::2] for line in block.splitlines())
        restarts = values.get("NRestarts", "")
        judged = lives.setdefault(name, UnitHistory()).judge(
            values.get("ActiveState", "unknown"), int(restarts) if restarts.isdigit() else 0
        )
        is_hanging = judged == "active" and (is_stopped(values.get("MainPID", "0")) or not answers(name))
        yield name, "hanging" if is_hanging else judged


def is_stopped(pid: str) -> bool:
    """Say whether a process was stopped by a signal."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] in ("T", "t")
    except (OSError, IndexError):
        return False


def answers(unit: str, sockets: dict[str, str] = SOCKETS) -> bool:
    """Say whether a unit answers at its socket; one that cannot be asked does, since systemd tells what is wrong."""
    if unit not in sockets:
        return True
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(ENGINE_WAIT)
            asking.connect(sockets[unit])
            asking.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return bool(asking.recv(1))
    except socket.timeout:
        return False
    except OSError:
        return True


def disks(paths: tuple[str, ...] = DISKS) -> Iterator[tuple[str, str]]:
    """Yield the first path of each file system, and the percentage that is free on it.

    A second percentage is that of its inodes, if it has a number of these.
    """
    seen = set()
    for path in paths:
        try:
            device, disk = os.stat(path).st_dev, os.statvfs(path)
        except OSError:
            continue
        if device not in seen and disk.f_blocks:
            seen.add(device)
            inodes = f" {100 * disk.f_favail // disk.f_files}" if disk.f_files else ""
            yield path, f"{100 * disk.f_bavail // disk.f_blocks}{inodes}"


def held(address: str, port: int) -> str:
    """Return `holds` if this host has an address, `nobody` if none answers there, and else `reached`."""
    words = (line.split() for line in output(["ip", "-o", "addr"], 5).splitlines())
    if any(one[3].partition("/")[0] == address for one in words if len(one) > 3):
        return "holds"
    try:
        socket.create_connection((address, port), 2).close()
    except ConnectionError:
        pass  # whoever refuses is there
    except OSError:
        return "nobody"
    return "reached"


def oldest_certificate(top: str = PKI) -> str:
    """Return seconds left, seconds of its whole life, and path of the certificate that is nearest its end."""
    return oldest(path for path in certificates(top) if has_key(path))


def oldest_authority(top: str = PKI) -> str:
    """Return the same of the authorities, which lie on a host without their keys, and are renewed by nobody else."""
    return oldest(path for path in certificates(top) if not has_key(path))


def certificates(top: str) -> Iterator[str]:
    """Yield the path of every certificate below a directory."""
    for directory, _, names in os.walk(top):
        yield from (os.path.join(directory, name) for name in names if name.endswith(".crt"))


def has_key(path: str) -> bool:
    """Say whether the key of a certificate lies beside it."""
    return os.path.exists(path[:-4] + ".key")


def oldest(paths: Iterator[str]) -> str:
    """Return seconds left, seconds of its whole life, and path of what has the smallest share of its life left."""
    worst: tuple[float, float, str] | None = None
    for path in paths:
        found = lifetime(path)
        if found is not None and (worst is None or found[0] / found[1] < worst[0] / worst[1]):
            worst = (*found, path)
    return "" if worst is None else f"{worst[0]:.0f} {worst[1]:.0f} {worst[2]}"


def lifetime(path: str) -> tuple[float, float] | None:
    """Return the seconds a certificate has left and those of its whole life; None if it cannot be read."""
    decode = getattr(getattr(ssl, "_ssl", None), "_test_decode_cert", None)
    try:
        # The one way to read a certificate that the standard library has.
        found = decode(path) if decode else {}
        begins, ends = (ssl.cert_time_to_seconds(found[key]) for key in ("notBefore", "notAfter"))
    except (OSError, ValueError, KeyError):
        return None
    return ends - time.time(), max(1.0, ends - begins)


def nodes(address: str, port: int) -> list[list[str]]:
    """Return name and status of every node, as `kubectl get nodes` shows them; nothing if the API does not answer."""
    try:
        rows = table(address, port, "/api/v1/nodes?includeObject=None") or []
        return [[str(cell) for cell in row["cells"][:2]] for row in rows if len(row["cells"]) > 1]
    except (KeyError, TypeError):
        return []


def table(address: str, port: int, path: str) -> list[dict[str, Any]] | None:
    """Return the rows of a list as `kubectl get` shows it, with their cells as `named`; None if nobody answers so."""
    request = f"GET {path} HTTP/1.0\r\nHost: kubernetes\r\nAccept: application/json;as=Table;v=v1;g=meta.k8s.io\r\n\r\n"
    try:
        context = CONTEXTS.get(f"{PKI}/ca.crt", identity(PKI))
        with socket.create_connection((address, port), 5) as plain:
            with context.wrap_socket(plain, server_hostname=API_SERVER_NAME) as sock:
                sock.sendall(request.encode())
                answer = whole(sock)
    except OSError:
        return None
    return rows_of(answer)


def identity(top: str) -> str:
    """Return the certificate to ask the API with, without suffix; a host that waits for its next change has one of old.

    That one was a cluster-admin's, and goes with that change.
    """
    own = f"{top}/observer"
    return own if os.path.exists(f"{own}.crt") else f"{top}/admin"


def whole(sock: socket.socket) -> bytes:
    """Return all that comes over a connection; socket.timeout if that is too much, or takes too long."""
    answer, deadline = bytearray(), time.monotonic() + ANSWER_WAIT
    while True:
        data = sock.recv(65536)
        if not data:
            return bytes(answer)
        answer += data
        if len(answer) > MOST_ANSWER or time.monotonic() > deadline:
            raise socket.timeout


def rows_of(answer: bytes) -> list[dict[str, Any]] | None:
    """Return the rows of the table in an HTTP answer, none where the kind is not served; None for other answers."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b"\r\n")[0]
    if b" 404 " in status:
        return []
    if b" 200 " not in status:
        return None
    try:
        found = json.loads(body)
        names = [column["name"] for column in found.get("columnDefinitions", [])]
        return [{**row, "named": dict(zip(names, row["cells"]))} for row in found["rows"] or []]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def output(argv: list[str], seconds: float) -> str:
    """Return what a command prints; nothing if it fails to start or takes too long."""
    null = subprocess.DEVNULL
    try:
        done = subprocess.run(argv, stdin=null, stdout=subprocess.PIPE, stderr=null, timeout=seconds, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace")


def epoch(text: str) -> float:
    """Return the seconds since 1970 of a time as Docker writes it, in UTC."""
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))
