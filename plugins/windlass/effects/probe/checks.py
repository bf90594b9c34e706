"""How a vantage host looks at one thing once. Part of the probe loop (`loop`): any Python from 3.7 on, nothing else."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import ssl
import threading
import time

FIRST_WAIT = 0.5
"""Seconds that a connection may take before it is asked whether anything of the host answers."""
_UNREACHABLE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ETIMEDOUT)
_BEGUN = (errno.EINPROGRESS, errno.EWOULDBLOCK)
_MOST = 4096


class Probe:
    """One thing to look at, as an order describes it."""

    def __init__(self, fields: list[str]) -> None:
        self.id, self.address, port, self.protocol, self.path, self.authority, self.certificate = fields[:7]
        interval, timeout, times, accepts, reach_ports, self.server_name = fields[7:]
        self.port, self.times = int(port), int(times)
        self.interval, self.timeout = float(interval), float(timeout)
        self.host = f"[{self.address}]" if ":" in self.address else self.address
        self.accepts = numbers(accepts)
        self.reach_ports = numbers(reach_ports)
        self.last = time.monotonic()


def numbers(text: str) -> list[int]:
    """Read numbers with commas between."""
    return [int(one) for one in text.split(",") if one]


class TlsContexts:
    """TLS contexts by their files, made again when a file is another one."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], tuple[list[int], ssl.SSLContext]] = {}

    def get(self, authority: str, certificate: str) -> ssl.SSLContext:
        """Return the context that verifies by `authority` and shows `certificate` (a path without suffix, or none)."""
        paths = [authority] + ([certificate + ".crt", certificate + ".key"] if certificate else [])
        stamp = [os.stat(path).st_mtime_ns for path in paths]
        known = self._made.get((authority, certificate))
        if known is None or known[0] != stamp:
            context = ssl.create_default_context(cafile=authority)
            if certificate:
                context.load_cert_chain(paths[1], paths[2])
            known = self._made[authority, certificate] = (stamp, context)
        return known[1]


CONTEXTS = TlsContexts()


def look(probe: Probe, peers: dict[str, list[int]]) -> tuple[str, str]:
    """Look once; return the outcome and a word on it. `peers` are other hosts' addresses and where each answers."""
    try:
        context = CONTEXTS.get(probe.authority, probe.certificate) if probe.protocol == "https" else None
    except (OSError, ssl.SSLError) as error:
        return "unsure", f"cannot verify: {error}"
    try:
        return _ask(probe, peers, context)
    except OSError as error:
        return _told(probe, error)


def _told(probe: Probe, error: OSError) -> tuple[str, str]:
    """Return what an error that ended a conversation says."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "tls", error.verify_message
    if isinstance(error, socket.timeout):
        return "hung", f"no answer within {probe.timeout:g} s"
    if isinstance(error, ssl.SSLError):
        return "bad", f"TLS: {error.reason or error}"
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return "refused", "connection reset"
    return "bad", str(error)


def _ask(probe: Probe, peers: dict[str, list[int]], context: ssl.SSLContext | None) -> tuple[str, str]:
    deadline = time.monotonic() + probe.timeout
    sock, code = _begin(probe.address, probe.port)
    with sock:
        code = _wait(sock, code, FIRST_WAIT, deadline)
        answering = None
        if code in _UNREACHABLE and probe.reach_ports:
            # It is slow, or not there: find out meanwhile whether anything of that host answers, or anybody at all.
            answering = ReachabilityCheck(probe, peers, max(deadline, time.monotonic() + 1))
        if code == errno.ETIMEDOUT:
            code = _wait(sock, 0, probe.timeout, deadline)
        if code == 0:
            return converse(probe, sock, context, deadline)
        if code == errno.ECONNREFUSED:
            return "refused", f"nothing listens on port {probe.port}"
        if answering is not None:
            return answering.outcome()
        return "hung" if code in _UNREACHABLE else "bad", os.strerror(code)


def _begin(address: str, port: int) -> tuple[socket.socket, int]:
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    sock.settimeout(0)
    code = sock.connect_ex((address, port))
    return sock, 0 if code in _BEGUN else code


def _wait(sock: socket.socket, code: int, seconds: float, deadline: float) -> int:
    """Wait for a connection that was begun; return 0 when it is there, or the number of the error."""
    if code:
        return code
    if not select.select([], [sock], [], min(seconds, left(deadline)))[1]:
        return errno.ETIMEDOUT
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def converse(probe: Probe, sock: socket.socket, context: ssl.SSLContext | None, deadline: float) -> tuple[str, str]:
    """Ask over a connection that is open; return the outcome."""
    if probe.protocol == "tcp":
        return "passed", ""
    sock.settimeout(max(0.05, left(deadline)))
    if context is not None:
        sock = context.wrap_socket(sock, server_hostname=probe.server_name)
    with sock:
        sock.sendall(f"{probe.path}\r\nHost: {probe.host}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while b"\n" not in answer and len(answer) < _MOST:
            if not left(deadline):  # one that answers byte by byte is as good as silent
                raise socket.timeout
            sock.settimeout(max(0.05, left(deadline)))
            data = sock.recv(_MOST)
            if not data:
                break
            answer += data
    words = answer.split(b"\n")[0].split()
    if len(words) < 2 or not words[1].isdigit():
        return "bad", "no answer of HTTP" if answer else "the connection was closed without an answer"
    code = int(words[1])
    return ("passed", "") if 200 <= code < 300 or code in probe.accepts else ("bad", f"HTTP {code}")


def left(deadline: float) -> float:
    """Return the seconds until `deadline`, at least 0."""
    return max(0.0, deadline - time.monotonic())


class ReachabilityCheck(threading.Thread):
    """Finds out, side by side, whether the host of a probe answers at any of its ports, and whether any other does."""

    def __init__(self, probe: Probe, peers: dict[str, list[int]], deadline: float) -> None:
        super().__init__(daemon=True)
        self._addresses = {**peers, probe.address: probe.reach_ports}
        self._host = probe.address
        self._deadline = deadline
        self._answered: set[str] = set()
        self.start()

    def run(self) -> None:
        """Connect to all at once, and note who answers: a refusal is an answer too."""
        waiting: dict[socket.socket, str] = {}
        with contextlib.ExitStack() as stack:
            for address, port in [(address, port) for address, ports in self._addresses.items() for port in ports]:
                sock, code = _begin(address, port)
                stack.enter_context(sock)
                if code == errno.ECONNREFUSED:
                    self._answered.add(address)
                elif code == 0:
                    waiting[sock] = address
            while waiting and left(self._deadline) and self._host not in self._answered:
                for sock in select.select([], list(waiting), [], left(self._deadline))[1]:
                    address = waiting.pop(sock)
                    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in (0, errno.ECONNREFUSED):
                        self._answered.add(address)

    def outcome(self) -> tuple[str, str]:
        """Return what that says."""
        self.join(left(self._deadline) + 0.2)
        if self._host in self._answered:
            return "hung", "the host answers elsewhere"
        if self._answered:
            return "silent", f"nothing of the host answers, {len(self._answered)} others do"
        return "alone", "no host answers"
