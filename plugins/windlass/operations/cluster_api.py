"""The cluster's Kubernetes API, through a tunnel to whichever of its API servers answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from windlass.domain.pki import SUPER_ADMIN, Pki, Signer
from windlass.domain.rendering.layout import API_PORT
from windlass.effects.kubernetes.client import Credentials, KubernetesClient
from windlass.errors import UnreachableError
from windlass.operations.site import Site
from windlass.operations.waiting import wait_until


def credentials_of(pki: Pki) -> Credentials:
    """Return Windlass's own identity towards the API, which is never on a host."""
    leaf = pki.leaves[SUPER_ADMIN]
    return Credentials(pki.authorities[Signer.KUBERNETES].certificate, leaf.certificate, leaf.key.reveal())


@contextmanager
def kubernetes_api(site: Site, pki: Pki, within: timedelta) -> Iterator[KubernetesClient]:
    """Give a client of an API server that is ready, the first that is; NotReadyError if none is after `within`.

    No host is special: all control-plane hosts are tried in turn, and one that is down is passed over.
    """
    credentials, ready, reasons = credentials_of(pki), [], {}

    def look() -> str:
        for host in site.cluster.hosts_with("control-plane"):
            try:
                connection = site.connections.get(host.name)
                forward = connection.forward("127.0.0.1", API_PORT)
            except UnreachableError as error:
                reasons[host.name] = str(error)
                continue
            client = KubernetesClient(*forward.address, credentials)
            if client.is_ready():
                ready.append((client, forward))
                return ""
            client.close()
            forward.close()
            reasons[host.name] = f"{host.name}: /readyz does not say ok"
        return "; ".join(reasons.values())

    wait_until(look, within, "wait for an API server")
    client, forward = ready[0]
    with client, forward:
        yield client
