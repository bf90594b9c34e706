"""The flags that a spec gives components, and what follows from some of them."""

from __future__ import annotations

from windlass.domain.spec.models import Cluster

Flags = dict[str, tuple[str, ...]]
"""Values by name without dashes; of a flag that is given several times, in that order."""


def own_flags(component: str, cluster: Cluster) -> Flags:
    """Return the flags that the spec gives `component`."""
    own = cluster.spec.components.get(component)
    if own is None:
        return {}
    return {
        name.lstrip("-"): (value,) if isinstance(value, str) else tuple(value) for name, value in own.extra_args.items()
    }


def etcd_prefix(cluster: Cluster) -> str:
    """Return below which key the API servers keep everything; the last one given counts, as for the API server."""
    return "/" + own_flags("kube-apiserver", cluster).get("etcd-prefix", ("registry",))[-1].strip("/")


def own_issuer(cluster: Cluster) -> str:
    """Return who signs the tokens of service accounts where the spec names nobody else: the API's Service."""
    return f"https://kubernetes.default.svc.{cluster.spec.network.cluster_domain}"


def service_account_issuers(cluster: Cluster) -> tuple[str, ...]:
    """Return whose tokens of service accounts the API servers accept; the first signs new ones."""
    return own_flags("kube-apiserver", cluster).get("service-account-issuer", (own_issuer(cluster),))
