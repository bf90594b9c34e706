"""Whether a host's kernel carries Services in the way that the spec asks of kube-proxy."""

from __future__ import annotations

from collections.abc import Iterator

from windlass.domain.host.facts import major_and_minor
from windlass.domain.spec.services import ProxyMode

MIN_NFTABLES_KERNEL = (5, 13)
"""kube-proxy ends itself in nftables mode on an older one, whose distribution would have an `nft` that its rules break:
`getNFTablesInterface` in https://github.com/kubernetes/kubernetes/blob/v1.37.2/pkg/proxy/nftables/supported.go."""


def proxy_fit(mode: ProxyMode, kernel: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a node's kernel, as `uname -r` tells it, and what to do; nothing where it told none."""
    if mode == "nftables" and (0, 0) < major_and_minor(kernel) < MIN_NFTABLES_KERNEL:
        needed = ".".join(map(str, MIN_NFTABLES_KERNEL))
        wrong = f"kernel {kernel} is too old for kube-proxy's mode nftables, which needs {needed}"
        yield wrong, "set spec.network.proxyMode to iptables, or upgrade the kernel"
