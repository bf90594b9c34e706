"""The unit of a Docker Engine that Windlass brought; an engine of the host's own has one of its own."""

from __future__ import annotations

from dataclasses import dataclass

from windlass.domain.catalog import Release
from windlass.domain.host.facts import HostFacts
from windlass.domain.host.layout import ENGINE_MARK, artifact_directory
from windlass.domain.rendering.images import MirrorAddresses

ENGINE_PACKAGE = "docker-engine"
"""The artifact that is Docker Engine; a host may have one of its own."""


@dataclass(frozen=True)
class EnginePrograms:
    """The directories of the engine's own programs, and of those that it starts."""

    engine: str
    containerd: str
    runc: str

    @property
    def binaries(self) -> tuple[str, ...]:
        """What runs; the engine starts again where one of them is another."""
        return f"{self.engine}/dockerd", f"{self.containerd}/containerd", f"{self.runc}/runc"


def engine_programs(release: Release) -> EnginePrograms:
    """Return where the programs of a release lie on a host."""
    names = (ENGINE_PACKAGE, "containerd", "runc")
    return EnginePrograms(*(f"{artifact_directory(name, release.files[name])}/bin" for name in names))


def follows_release(facts: HostFacts, mirror: MirrorAddresses) -> bool:
    """Tell whether a host's engine is of the cluster's release: one that Windlass brought, where a mirror has it."""
    return facts.brought_engine and mirror.brings_engine


def engine_unit(programs: EnginePrograms) -> str:
    """Write the unit as the engine's own project does, but for what is another's here.

    https://github.com/moby/moby/blob/master/contrib/init/systemd/docker.service: without a socket unit, since the
    engine makes its socket by itself, and with a containerd of its own, which it starts by PATH.
    """
    path = f"{programs.engine}:{programs.containerd}:{programs.runc}"
    return f"""{ENGINE_MARK}
[Unit]
Description=Docker Engine: runs etcd and the control plane
Documentation=https://docs.docker.com
After=network-online.target local-fs.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
Environment=PATH={path}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStart={programs.engine}/dockerd --host unix:///var/run/docker.sock
ExecReload=/bin/kill -s HUP $MAINPID
TimeoutStartSec=0
Restart=always
RestartSec=1
# Containers live on while the engine is started anew.
KillMode=process
Delegate=yes
LimitNPROC=infinity
LimitCORE=infinity
LimitNOFILE=1048576
TasksMax=infinity

[Install]
WantedBy=multi-user.target
"""
