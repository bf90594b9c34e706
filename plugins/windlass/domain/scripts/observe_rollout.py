"""The script by which a rollout looks at a host."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from windlass.domain.host.layout import COMPONENT_LABEL, CONTAINERD_SOCKET, DIGEST_LABEL, SYSTEMD, VERSION_LABEL
from windlass.domain.scripts.apply import Reads, unit_state
from windlass.domain.scripts.script import Script


@dataclass(frozen=True)
class NodeParts:
    """What a node has besides: the client of its containerd, and what its units read."""

    ctr: str
    kubelet: Reads
    containerd: Reads


def observe_rollout_script(images: Sequence[str], links: Sequence[str], node: NodeParts | None) -> Script:
    """Return the script that tells what runs, and which of `images` and `links` are there."""
    labels = "|".join(f'{{{{.Label "{name}"}}}}' for name in (COMPONENT_LABEL, VERSION_LABEL, DIGEST_LABEL))
    filters = f"--filter label={COMPONENT_LABEL} --filter status=running"
    lines = [f"docker ps {filters} --format {shlex.quote(f'service {labels}')} 2>/dev/null"]
    desired = map(shlex.quote, images)
    lines += [f"docker image inspect {image} >/dev/null 2>&1 && echo image {image}" for image in desired]
    lines += [f'[ ! -L {path} ] || echo "link {path} $(readlink {path})"' for path in links]
    if node is not None:
        lines += _node_lines(node)
    units = {} if node is None else {"kubelet": node.kubelet, "windlass-containerd": node.containerd}
    arguments = {"images": tuple(images), "links": tuple(links), "units": units}
    return Script("observe-rollout", arguments, "\n".join([*lines, "true"]) + "\n")


def _node_lines(node: NodeParts) -> list[str]:
    listed = f"$(command -v {node.ctr} || ls /opt/windlass/containerd/*/bin/ctr 2>/dev/null | tail -n 1)"
    scripts = [unit_state("kubelet", *node.kubelet), unit_state("windlass-containerd", *node.containerd)]
    units = "\n".join(f"( {script}) | sed 's/^/unit /'" for script in scripts)
    version = r"s|^ExecStart=/opt/windlass/\(v[^/]*\)/bin/kubelet.*|version kubelet \1|p"
    runtime = r"s|^ExecStart=/opt/windlass/containerd/\([^/]*\)/bin/containerd.*|version containerd \1|p"
    return [
        f"{listed} -a {CONTAINERD_SOCKET} -n k8s.io images ls -q 2>/dev/null | sed 's/^/image /'",
        units,
        f"sed -n '{version}' {SYSTEMD}/kubelet.service 2>/dev/null",
        f"sed -n '{runtime}' {SYSTEMD}/windlass-containerd.service 2>/dev/null",
    ]
