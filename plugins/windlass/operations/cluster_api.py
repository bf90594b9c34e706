"""The cluster's Kubernetes API, through a tunnel to whichever of its API servers answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

from windlass.domain.host.layout import API_PORT
from windlass.domain.pki import SUPER_ADMIN, Pki, Signer, trust_bundle
from windlass.effects.kubernetes.client import Credentials, KubernetesClient
from windlass.errors import UnreachableError
from windlass.operations.cluster import ClusterSession
from windlass.operations.waiting import wait_until


def credentials_of(pki: Pki) -> Credentials:
    """Return Windlass's own identity towards the API, which is never on a host."""
    leaf = pki.leaves[SUPER_ADMIN]
    return Credentials(trust_bundle(pki, Signer.KUBERNETES), leaf.certificate, leaf.key.reveal())


@contextmanager
def kubernetes_api(session: ClusterSession, pki: Pki, within: timedelta) -> Iterator[KubernetesClient]:
    """Give a client of an API server that is ready, the first that is; NotReadyError if none is after `within`.

    No host is special: all control-plane hosts are tried in turn, and one that is down is passed over.
    """
    with ExitStack() as opened:
        looking = _Looking(session, credentials_of(pki), opened)
        wait_until(looking.look, within, "wait for an API server", session.clock)
        yield looking.ready[0]


class _Looking:
    """Looks for an API server that is ready; each host's way there is made once and kept for the next look."""

    def __init__(self, session: ClusterSession, credentials: Credentials, opened: ExitStack) -> None:
        self._session = session
        self._credentials = credentials
        self._opened = opened
        self._clients: dict[str, KubernetesClient] = {}
        self.ready: list[KubernetesClient] = []

    def look(self) -> str:
        """Note the first API server that is ready; else return why each is not."""
        reasons = []
        for host in self._session.cluster.hosts_with("control-plane"):
            try:
                client = self._client(host.name)
            except UnreachableError as error:
                reasons.append(str(error))
                continue
            if client.is_ready():
                self.ready.append(client)
                return ""
            reasons.append(f"{host.name}: /readyz does not say ok")
        return "; ".join(reasons)

    def _client(self, host: str) -> KubernetesClient:
        if host not in self._clients:
            forward = self._opened.enter_context(self._session.connections.get(host).forward("127.0.0.1", API_PORT))
            client = self._session.clients.kubernetes(*forward.address, self._credentials)
            self._clients[host] = self._opened.enter_context(client)
        return self._clients[host]
