"""What should run on a host, and how each part says that it is healthy: read from the stacks as they are rendered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from windlass.domain.addresses import host_port
from windlass.domain.artifacts import Lock, Locked
from windlass.domain.catalog import Release
from windlass.domain.host.facts import parse_facts
from windlass.domain.host.health_check import HealthCheck, read_health
from windlass.domain.host.layout import API_SERVER, API_SERVER_NAME, KUBELET_PORT, PKI
from windlass.domain.rendering.context import ClusterInputs, HostInputs
from windlass.domain.rendering.images import MirrorAddresses
from windlass.domain.rendering.stacks import compose_alone, host_stacks
from windlass.domain.scripts.curl import CONNECTS, CurlProbe
from windlass.domain.spec.models import Cluster, Host

_NOBODY = MirrorAddresses("http://mirror.invalid", "mirror.invalid")
_FACTS = parse_facts("complete=yes")
ENGINE = "docker"
CONTAINERD = "windlass-containerd"
KUBELET = "kubelet"


@dataclass(frozen=True)
class ServiceCheck:
    """One service of a stack that belongs on a host."""

    component: str
    stack: str
    check: HealthCheck

    def probe(self, address: str) -> CurlProbe:
        """Return the probe that asks it, on its own host, whether it is healthy."""
        check = self.check
        where = address if check.address == "host" else "127.0.0.1"
        if check.protocol == "tcp":
            return tcp_probe(check, where)
        path = check.request_line.split()[1] if check.request_line else ""
        client = check.client_certificate or ""
        directory = client.rpartition("/")[0] if client else PKI
        return CurlProbe(
            f"{check.protocol}://{host_port(where, check.port)}{path}",
            check.response_timeout,
            "code",
            ca=f"{directory}/ca.crt" if client or check.protocol == "https" else "",
            server_name=API_SERVER_NAME if self.component == API_SERVER else "",
            client=client,
        )

    def ask(self, address: str) -> str:
        """Return the shell command that does so, and prints the code of its answer: 2xx, or 000 without one.

        Where only a connection is asked for, the script must have `CONNECTS`.
        """
        probe = self.probe(address)
        return f"connects {probe}" if self.check.protocol == "tcp" else str(probe)


def tcp_probe(check: HealthCheck, where: str) -> CurlProbe:
    """Return the probe of a service that has only to take a connection at this address."""
    return CurlProbe(f"telnet://{host_port(where, check.port)}", check.response_timeout, "way")


def connecting(services: Iterable[ServiceCheck]) -> str:
    """Return what a script must have for the `ask` of these services."""
    return CONNECTS if any(one.check.protocol == "tcp" for one in services) else ""


def kubelet_probe(address: str, within: timedelta) -> CurlProbe:
    """Return the probe of a kubelet: it turns down whoever has no certificate with 401, and so lives."""
    return CurlProbe(f"https://{host_port(address, KUBELET_PORT)}/healthz", within, "code", is_trusted=True)


@dataclass(frozen=True)
class HostChecks:
    """What belongs on one host."""

    host: Host
    cluster: str
    services: tuple[ServiceCheck, ...]

    @property
    def units(self) -> tuple[str, ...]:
        """The systemd units."""
        return (ENGINE, CONTAINERD, KUBELET) if self.host.is_node else (ENGINE,)

    def service(self, component: str) -> ServiceCheck | None:
        """Return one service; None if it does not belong here."""
        return next((one for one in self.services if one.component == component), None)


def host_checks(cluster: Cluster, release: Release) -> dict[str, HostChecks]:
    """Return what belongs on each host, by its name; SpecError if a stack's own declaration is wrong."""
    return {host.name: _desired(cluster, release, host) for host in cluster.spec.hosts.members}


def any_lock(release: Release) -> Lock:
    """Return a lock of made-up digests: which images run makes no difference to how they are asked."""
    digests = {image: Locked(f"sha256:{'0' * 64}", 0, "none") for image in release.all_images}
    return Lock("none", digests)


def _desired(cluster: Cluster, release: Release, host: Host) -> HostChecks:
    inputs = HostInputs(ClusterInputs(cluster, release, any_lock(release), _NOBODY), host, _FACTS)
    services = [
        ServiceCheck(component, stack, check)
        for stack in host_stacks(cluster, host)
        for component, check in read_health(compose_alone(stack, inputs)).items()
    ]
    return HostChecks(host, cluster.name, tuple(services))
