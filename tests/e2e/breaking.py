"""What breaks in a cluster: one fault at a time, each with the way in which it is over if nobody repairs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from e2e.etcd import corrupt_data, delete_data
from e2e.ground import OVERLAPPING, Ground
from windlass_lab import faults

CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
UNITS = ("kubelet", "windlass-containerd", "docker")
_CONTAINER = {
    "kill": "docker kill {0}",
    "stop": "docker stop --time 1 {0}",
    "pause": "docker pause {0}",
    "hang": "docker kill --signal STOP {0}",
    "remove": "docker rm --force {0}",
}
_UNIT = {
    "kill": "systemctl kill --signal KILL --kill-who main {0}",
    # With the socket by which the next command would start it again.
    "stop": "systemctl stop {0}.socket 2>/dev/null; systemctl stop {0}",
    "hang": "systemctl kill --signal STOP --kill-who main {0}",
}
_SPOIL = """
echo '}' > /etc/windlass/stacks/control-plane/compose.yaml
docker kill windlass-kube-apiserver"""
_SLOW_KILOBITS = 1024


@dataclass(frozen=True)
class Fault:
    """One thing that is broken on one host."""

    what: str
    """Such as `kill kube-apiserver`, `cut both` or `power off`."""
    host: str
    begin: Callable[[Ground], None]
    end: Callable[[Ground], None] | None = None
    """How it is over, if remediation on the host cannot end it: a cut network, a host that is off."""

    def __str__(self) -> str:
        return f"{self.what} on {self.host}"

    @property
    def touches_etcd(self) -> bool:
        """Whether a member of etcd is out of service by it."""
        words = self.what.split()
        return "etcd" in words or words[0] in {"cut", "lose", "slow", "freeze", "power"}


def _on(script: str, host: str) -> Callable[[Ground], None]:
    def begin(ground: Ground) -> None:
        ground.on(host, f"{script} >/dev/null")

    return begin


def container_faults(host: str) -> Iterator[Fault]:
    """Yield what can befall the containers of a host."""
    components = (*CONTROL_PLANE, "api-proxy") if "etcd" in OVERLAPPING[host] else ("api-proxy",)
    for component in components:
        for verb, script in _CONTAINER.items():
            yield Fault(f"{verb} {component}", host, _on(script.format(f"windlass-{component}"), host))


def unit_faults(host: str) -> Iterator[Fault]:
    """Yield what can befall the units of a host."""
    for unit in UNITS:
        for verb, script in _UNIT.items():
            yield Fault(f"{verb} {unit}", host, _on(script.format(unit), host))


def data_faults(host: str) -> Iterator[Fault]:
    """Yield what can befall the data of a host's etcd member, and the files of its control plane."""
    if "etcd" in OVERLAPPING[host]:
        yield Fault("lose data of etcd", host, lambda ground: delete_data(ground, host))
        yield Fault("corrupt data of etcd", host, lambda ground: corrupt_data(ground, host))
        yield Fault("spoil files of kube-apiserver", host, _on(_SPOIL, host))


def host_faults(host: str) -> Iterator[Fault]:
    """Yield what can befall a host as a whole."""
    for direction in ("both", "in", "out"):
        yield Fault(
            f"cut {direction}",
            host,
            lambda ground, way=direction: faults.cut(ground.lab, host, way),
            lambda ground: faults.mend(ground.lab, host),
        )
    yield Fault(
        "lose packets of", host, lambda ground: faults.loss(ground.lab, host, 20), lambda g: faults.mend(g.lab, host)
    )
    yield Fault(
        "slow down",
        host,
        lambda ground: faults.throttle(ground.lab, host, _SLOW_KILOBITS),
        lambda ground: faults.mend(ground.lab, host),
    )
    yield Fault(
        "freeze", host, lambda ground: faults.pause(ground.lab, host), lambda ground: faults.unpause(ground.lab, host)
    )
    yield Fault(
        "power off", host, lambda ground: faults.kill(ground.lab, host), lambda ground: faults.start(ground.lab, host)
    )


def all_faults() -> list[Fault]:
    """Return every fault of every host."""
    kinds = (container_faults, unit_faults, data_faults, host_faults)
    return [fault for host in OVERLAPPING for kind in kinds for fault in kind(host)]
