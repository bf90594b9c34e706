"""A cluster-admin's kubeconfig for use on a host, which tests and benchmarks bring, since none lies there."""

from __future__ import annotations

from windlass.domain.host.layout import PROXY_PORT
from windlass.domain.pki import SUPER_ADMIN, KubeconfigContext, Pki, embedded_kubeconfig
from windlass.domain.secret import Secret


def admin_kubeconfig(pki: Pki) -> Secret:
    """Return a kubeconfig by the host's own proxy, with Windlass's own certificate."""
    here = (KubeconfigContext("here", f"https://127.0.0.1:{PROXY_PORT}"),)
    return embedded_kubeconfig(here, pki, "windlass", pki.leaves[SUPER_ADMIN])
