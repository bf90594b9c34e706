"""What the drivers of a cluster leave on a host, as variables of the scripts that take it away."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from windlass.domain.catalog.drivers import HostTraces

NOTHING = "-"
"""Matches no name of an interface or a protocol."""


def trace_words(pod_ranges: Sequence[str], traces: HostTraces) -> str:
    """Return the variables: ranges of the pods, interfaces, patterns of routes and chains, tables and paths.

    CNI plugins, which every network has, name their chains with CNI and their bridge cni0 whatever the driver is; the
    kubelet has chains named with KUBE (KUBE-KUBELET-CANARY) whoever carries Services.
    """
    whole = HostTraces(interfaces=("cni0",), chains=("KUBE", "CNI")) + traces
    return f"pods={shlex.quote(' '.join(pod_ranges))}\n{left_words(whole)}"


def left_words(traces: HostTraces) -> str:
    """Return the variables of what drivers alone have left, on a host whose pods run on."""
    words = {
        "links": " ".join(traces.interfaces),
        "routes": "|".join(traces.routes) or NOTHING,
        "chains": "|".join(traces.chains),
        "nft_tables": " ".join(traces.tables),
        "traces": " ".join(traces.paths),
    }
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in words.items())
