"""The proxy through which hosts reach what is outside, and what is inside and never asked for through it."""

from __future__ import annotations

from urllib.parse import urlsplit

from windlass.domain.addresses import split_port
from windlass.domain.host.layout import DOCKER_PROXY, PROXY_ENVIRONMENT
from windlass.domain.rendering.files import FOR_ROOT, RenderedFile
from windlass.domain.rendering.images import MirrorAddresses
from windlass.domain.spec.checks.syntax import is_proxy_url
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.references import is_reference
from windlass.errors import SpecError

_DROP_IN = f"# Written by Windlass, which puts changes back.\n[Service]\nEnvironmentFile={PROXY_ENVIRONMENT}\n"


def proxy_files(cluster: Cluster, mirror: MirrorAddresses) -> dict[str, RenderedFile]:
    """Return what tells a host's programs of the proxy, by path; nothing where the spec has none.

    SpecError, which quotes nothing, if a secret that stands for a proxy is no URL.
    """
    proxy = cluster.spec.hosts.proxy
    if not proxy.is_set:
        return {}
    values = {"http_proxy": proxy.http_proxy, "https_proxy": proxy.https_proxy or proxy.http_proxy}
    lines = [f'{name}="{_url(value)}"\n' for name, value in values.items() if value is not None]
    inside = ",".join(no_proxy(cluster, mirror))
    lines += [f'no_proxy="{inside}"\n']
    both = "".join(line for one in lines for line in (one, one.partition("=")[0].upper() + one[one.index("=") :]))
    return {
        PROXY_ENVIRONMENT: RenderedFile(both.encode(), FOR_ROOT),
        DOCKER_PROXY: RenderedFile(_DROP_IN.encode()),
    }


def no_proxy(cluster: Cluster, mirror: MirrorAddresses) -> tuple[str, ...]:
    """Return what is inside: the hosts, pods and services, the cluster's names, the mirror, and what the spec adds.

    Go's programs read ranges as such (golang.org/x/net/http/httpproxy); so does curl since 7.86.
    """
    spec = cluster.spec
    hosts = (one for host in spec.hosts.members for one in (host.address, *host.node_addresses, host.name))
    endpoint, _ = split_port(spec.api.endpoint or "")
    served = (urlsplit(url).hostname or "" for url in (mirror.files, mirror.registry_url) if mirror.files)
    inside = (
        *("localhost", "127.0.0.0/8", "::1", ".svc", f".{spec.network.cluster_domain}"),
        *(*spec.network.pod_ranges, *spec.network.service_ranges),
        *hosts,
        endpoint,
        spec.api.virtual_address or "",
        *served,
        *spec.hosts.proxy.no_proxy,
    )
    return tuple(dict.fromkeys(filter(None, inside)))


def _url(value: object) -> str:
    if is_reference(value):
        return "http://unknown.invalid"  # nobody put a value in: of the file only its place counts
    if not is_proxy_url(str(value)):
        raise SpecError(
            "spec.hosts.proxy: a secret that it refers to is no URL of a proxy; write it as "
            "http://USER:PASSWORD@HOST:PORT, with special characters of the password as %XX"
        )
    return str(value)
