"""What a host's owner and earlier installations left there, and whether it gets along with a cluster; pure."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import basename

from windlass.domain.host.facts import HostFacts
from windlass.domain.host.layout import CNI_CONFIG, DOCKER_DAEMON

Told = tuple[str, str]
"""What stands in the way, and what to do."""

MIN_INODES_FREE = 50_000
"""Programs and images of a node take some 20,000 files; kubelet evicts pods below 3 % of all."""
MIN_ROOM_KIB = {"/opt": 1_500_000, "/var/log": 300_000, "/var/lib/docker": 1_500_000}
"""Of programs, of audit logs and journals, and of the control plane's images."""
_OURS = "10-f"
"""How the network driver's own file begins: containerd takes the first file by name, whoever wrote it."""
_SET_BY_US = ("--log-driver", "--log-opt", "--live-restore", "--insecure-registry")
"""What daemon.json says as well: dockerd does not start where both say it."""


def leftovers(facts: HostFacts) -> Iterator[Told]:
    """Yield what other installations of Kubernetes left that would take over, or start again with the host."""
    for path in facts.leftovers:
        if "/kubelet.service.d/" in path:
            problem = f"{path} is left of another installation of Kubernetes, and would run that one's kubelet"
            yield problem, "remove the package kubelet, and this file"
        elif not path.startswith(f"{CNI_CONFIG}/"):
            yield f"{path} is another Kubernetes's", "stop it and uninstall it, or use another host"
        elif facts.cluster is None and basename(path) < _OURS:
            problem = f"{path} is left of another network driver, and pods would get that one's network"
            yield problem, "remove it"


def room(facts: HostFacts) -> Iterator[Told]:
    """Yield file systems where files will lie that have too little room, or too few inodes."""
    for path, free in facts.rooms.items():
        if free < (least := MIN_ROOM_KIB.get(path, 0)):
            yield f"{free // 1024} MiB free for {path}", f"make room for at least {least // 1024} MiB"
    for path, free in facts.inodes.items():
        if free < MIN_INODES_FREE:
            remedy = f"remove small files there, or make it anew with more; {MIN_INODES_FREE} are needed"
            yield f"{free} inodes free for {path}", remedy


def engine_settings(facts: HostFacts) -> Iterator[Told]:
    """Yield settings of the host's Docker Engine with which it would not start again, once ours are beside them."""
    both = [flag for flag in _SET_BY_US if flag in facts.docker_flags]
    if both:
        problem = f"Docker is started with {', '.join(both)}, and does not start where {DOCKER_DAEMON} says it too"
        yield problem, f"take that out of its unit, and write it into {DOCKER_DAEMON}"
    if facts.is_in_swarm:
        problem = "Docker is in a swarm, and does not start with live-restore then"
        yield problem, "run `docker swarm leave --force`, or use another host"


def login(facts: HostFacts) -> Iterator[Told]:
    """Yield what of the host's SSH server keeps Windlass from reaching etcd and the API through it."""
    if facts.forwards is False:
        yield (
            "its SSH server forwards no connection, and etcd and the API are reached through it",
            "set `AllowTcpForwarding yes` for the login in /etc/ssh/sshd_config, no DisableForwarding, and reload sshd",
        )
