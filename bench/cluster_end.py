"""When a new cluster counts as there: the same end for Windlass and for its peers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from windlass.effects.ssh.connection import Connection
from windlass.errors import NotReadyError

LIMIT = timedelta(minutes=5)
_STATUS = "jsonpath={range .items[*]}{.status.conditions[?(@.type=='Ready')].status} {end}"

# Asks for the address of the API server's Service; exits 0 if it gets one.
ASK_DNS = """
import socket, sys
name = b"".join(bytes([len(part)]) + part for part in b"kubernetes.default.svc.cluster.local".split(b".")) + b"\\0"
query = b"\\x12\\x34\\x01\\0\\0\\1\\0\\0\\0\\0\\0\\0" + name + b"\\0\\1\\0\\1"
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
    asking.settimeout(0.5)
    try:
        asking.sendto(query, (sys.argv[1], 53))
        answer = asking.recv(512)
    except OSError:
        sys.exit(1)
sys.exit(0 if answer[6:8] != b"\\0\\0" else 1)
"""


def are_nodes_ready(host: Connection, kubectl: Sequence[str], count: int) -> bool:
    """Tell whether there are `count` nodes, all Ready; `kubectl` are the words that run it on `host` as root."""
    shown = host.run([*kubectl, "get", "nodes", "-o", _STATUS], sudo=True, check=False)
    return shown.stdout.split() == ["True"] * count


def is_dns_answering(host: Connection, address: str) -> bool:
    """Tell whether the cluster's DNS, asked from `host` at its Service address, knows the API server's Service."""
    return host.run(["python3", "-c", ASK_DNS, address], check=False).exit_code == 0


def wait_until(condition: Callable[[], bool], problem: str) -> None:
    """Look again and again until `condition` holds; NotReadyError with `problem` after LIMIT."""
    deadline = time.monotonic() + LIMIT.total_seconds()
    while not condition():
        if time.monotonic() > deadline:
            raise NotReadyError(f"{problem} after {LIMIT}")
        time.sleep(0.1)
