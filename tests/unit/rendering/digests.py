"""What clusters are rendered to, as digests: `digests.json` beside this file has one for each file and object.

A file that changes is changed on the hosts of every running cluster by its next apply, and what reads it starts again.
So specs that say nothing of something new keep rendering the same bytes.

After a change that is meant: `PYTHONPATH=plugins:tests python -m unit.rendering.digests`. With `--each` it prints
one of each file of each host of each sample: two working trees are compared by `diff` of what it prints in both.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from unit.rendering.conftest import SHIPPED, TOPOLOGIES, Rendering, facts_of, make_cluster
from windlass.domain.pki.kubeconfig import user_contexts
from windlass.domain.pki.subjects import desired_leaves
from windlass.domain.spec import Cluster
from windlass.effects.catalog import load_catalog

GOLDEN = Path(__file__).with_name("digests.json")
EVERYWHERE: Mapping[str, Mapping[str, Any]] = {"plain": {}, "nftables": {"network": {"proxyMode": "nftables"}}}
"""Sections of the spec with which every topology is rendered at every release."""
ONCE: Mapping[str, Mapping[str, Any]] = {
    "host-gw": {"network": {"backend": "host-gw", "podCidr": "172.20.0.0/16", "serviceCidr": "172.31.0.0/20"}},
    "addons": {
        "loadBalancer": {"driver": "metallb", "addresses": ["192.0.2.128/28"]},
        "monitoring": {"driver": "metrics-server"},
        "dns": {"upstreams": ["192.0.2.53"]},
    },
    "endpoint": {
        "api": {"endpoint": "k8s.example.com:6443", "extraNames": ["api.example.com", "192.0.2.10"]},
        "stacks": [{"name": "edge-proxy", "values": {"ports": "80:30080"}}],
    },
    "nothing": {"network": {"driver": "none"}, "dns": {"driver": "none"}, "storage": {"driver": "none"}},
}
_OUTSIDE_PROXY = {"httpProxy": "http://192.0.2.3:3128", "noProxy": [".example.com"]}


def samples() -> Iterator[tuple[str, Rendering]]:
    """Yield every sample with its name."""
    catalog = load_catalog(SHIPPED)
    newest = catalog.versions[-1]
    chosen = [*itertools.product(catalog.versions, TOPOLOGIES, EVERYWHERE.items())]
    chosen += itertools.product([newest], ["overlapping"], ONCE.items())
    for version, topology, (name, sections) in chosen:
        cluster = make_cluster(TOPOLOGIES[topology], version, **sections)
        yield f"{version} {topology} {name}", Rendering(cluster, catalog.release(version))
    document = make_cluster(TOPOLOGIES["separate"], newest).model_dump(mode="json", by_alias=True)
    document["spec"]["hosts"]["proxy"] = _OUTSIDE_PROXY
    yield "behind a proxy", Rendering(Cluster.model_validate(document), catalog.release(newest))
    held = make_cluster(TOPOLOGIES["overlapping"], newest, api={"virtualAddress": "192.0.2.100"})
    yield "virtual address", Rendering(held, catalog.release(newest), facts_of(held))


def rendered() -> Iterator[tuple[str, str, bytes]]:
    """Yield everything that follows from the samples: the sample's name and host, what it is, and its bytes."""
    for name, rendering in samples():
        for host in rendering.cluster.spec.hosts.members:
            for path, file in rendering.host(host.name).items():
                yield f"{name} {host.name}", path, file.content
        for one in rendering.manifests():
            yield name, f"{one.kind} {one.name}", _bytes(one.document)
        for leaf, desired in desired_leaves(rendering.cluster).items():
            yield f"{name} {leaf}", "names in certificates", _bytes(sorted(desired.subject.names))
        yield name, "kubeconfigs", _bytes([asdict(one) for one in user_contexts(rendering.cluster)])


def digests() -> dict[str, str]:
    """Return for each file, object and the like one digest over all samples and hosts."""
    sums: dict[str, Any] = {}
    for where, what, content in rendered():
        sums.setdefault(what, hashlib.sha256()).update(f"{where}\0{len(content)}\0".encode() + content)
    return {what: found.hexdigest()[:16] for what, found in sorted(sums.items())}


def _bytes(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True).encode()


def main() -> None:
    """Write the digests as they are now, or print those of each sample."""
    if "--each" in sys.argv:
        for where, what, content in rendered():
            sys.stdout.write(f"{hashlib.sha256(content).hexdigest()[:16]} {what} ({where})\n")
    else:
        GOLDEN.write_text(json.dumps(digests(), indent=1) + "\n")


if __name__ == "__main__":
    main()
