"""Rendering: from a spec, a release and facts to the files of a host and the objects of the cluster; pure."""

from __future__ import annotations

from windlass.domain.host.health_check import HealthCheck, read_health
from windlass.domain.rendering.docker import merge_daemon_settings, with_added, without_added
from windlass.domain.rendering.files import HostFiles, RenderedFile
from windlass.domain.rendering.host import render_host
from windlass.domain.rendering.images import HostDownload, MirrorAddresses, OfficialAddresses, image_reference
from windlass.domain.rendering.installs import (
    HostDirectory,
    HostImage,
    Install,
    cluster_images,
    host_directories,
    host_images,
    host_installs,
    installs_of,
    needed_images,
)
from windlass.domain.rendering.manifests import AddonManifest, render_manifests
from windlass.domain.rendering.nodes import node_labels, node_taints
from windlass.domain.rendering.stacks import digest_of, host_stacks

__all__ = [
    "AddonManifest",
    "HealthCheck",
    "HostDirectory",
    "HostDownload",
    "HostFiles",
    "HostImage",
    "Install",
    "MirrorAddresses",
    "OfficialAddresses",
    "RenderedFile",
    "cluster_images",
    "digest_of",
    "host_directories",
    "host_images",
    "host_installs",
    "host_stacks",
    "image_reference",
    "installs_of",
    "merge_daemon_settings",
    "needed_images",
    "node_labels",
    "node_taints",
    "read_health",
    "render_host",
    "render_manifests",
    "with_added",
    "without_added",
]
