"""What a machine is, before and besides all that Windlass puts there: its system, its room, its container engine.

Preflight asks for it before anything is installed, and files are rendered by it; so it is asked for apart from what a
host holds and runs (`windlass.domain.scripts.inspect_host`), which only says something once it is known what belongs
there. One read-only shell script asks, one pure parser reads the answer.

The script needs a POSIX shell and what a plain Linux server has; it prints lines `key=value`, a key once for each
value it has. What it could not tell it leaves out, and the parser keeps that apart from "no": such a fact is None.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from windlass.domain.host.layout import DOCKER_UNFINISHED
from windlass.errors import NotReadyError

CAP_SYS_RESOURCE = 24
"""Number of the capability in Linux's capability.h."""


FACTS_SCRIPT = r"""
say() { printf '%s=%s\n' "$1" "$2"; }
if [ -r /etc/os-release ]; then
  . /etc/os-release; say os_id "$ID"; say os_version "${VERSION_ID:-}"; say os_name "$PRETTY_NAME"
fi
say kernel "$(uname -r)"
say arch "$(uname -m)"
say hostname "$(uname -n)"
say epoch "$(date +%s.%N)"
say machine_id "$(cat /etc/machine-id 2>/dev/null)"
say init "$(cat /proc/1/comm)"
say cpus "$(nproc)"
awk '/^MemTotal/ {print "memory_kib=" $2}' /proc/meminfo
if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then say cgroup 2; else say cgroup 1; fi
awk 'NR > 1 {print "swap=" $1}' /proc/swaps; say swap_known yes
awk '/^CapBnd/ {print "cap_bounding=" $2}' /proc/self/status
ip -o addr show 2>/dev/null | awk '{sub("/.*", "", $4); print "address=" $4}'
for directory in /var/lib/windlass /var/lib /; do
  df -Pk $directory 2>/dev/null | awk -v name=$directory 'NR > 1 {print "disk=" name " " $4}'
done
if [ -L /etc/resolv.conf ] || grep -q '^nameserver 127\.0\.0\.53' /etc/resolv.conf; then
  [ -s /run/systemd/resolve/resolv.conf ] && say resolv_conf /run/systemd/resolve/resolv.conf
fi
awk '/^nameserver/ {print "nameserver=" $2}' /etc/resolv.conf
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
  awk '$4 == "0A" {split($2, a, ":"); print "listening_hex=" a[2]}' | sort -u
if [ -w /proc/sys/net/netfilter/nf_conntrack_max ]; then say conntrack_writable yes
elif [ -e /proc/sys/net/netfilter/nf_conntrack_max ]; then say conntrack_writable no; fi
if command -v dockerd >/dev/null && [ ! -e DOCKER_UNFINISHED ]; then
  say docker "$(docker version --format '{{.Server.Version}}' 2>/dev/null || echo stopped)"
fi
docker compose version --short 2>/dev/null | sed 's/^v*/compose=v/'
for tool in iptables curl conntrack mount nsenter; do command -v $tool >/dev/null && say tool $tool; done
[ -r /etc/windlass/cluster ] && say cluster "$(cat /etc/windlass/cluster)"
say complete yes
""".replace("DOCKER_UNFINISHED", DOCKER_UNFINISHED)


@dataclass(frozen=True)
class HostFacts:
    """What one host said about itself; None or an empty tuple where it could not tell."""

    os_id: str | None
    os_version: str | None
    os_name: str | None
    kernel: str
    arch: str
    hostname: str
    epoch: float
    """Seconds since 1970 by the host's clock, at the moment it answered."""
    machine_id: str
    init: str
    cpus: int
    memory_kib: int
    cgroup_version: int
    """kubelet refuses 1 since Kubernetes 1.35 unless `failCgroupV1` is false (KEP 5573, which removes it altogether):
    https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/5573-remove-cgroup-v1"""
    swaps: tuple[str, ...]
    cap_bounding: int
    addresses: tuple[str, ...]
    disk_free_kib: dict[str, int]
    resolv_conf: str
    """The file that names real servers, for kubelet; not systemd-resolved's stub."""
    nameservers: tuple[str, ...]
    listening: frozenset[int]
    conntrack_writable: bool
    docker_version: str | None
    """None where Docker is not installed (to its end), `stopped` where its engine does not answer."""
    compose_version: str | None
    tools: frozenset[str]
    cluster: str | None
    """The cluster this host belongs to already."""

    @property
    def has_sys_resource(self) -> bool:
        """Whether processes here may lower their OOM score and raise limits.

        Without, runc creates no container that asks for a lower score, which containerd has to keep from it:
        https://github.com/containerd/nerdctl/issues/1515.
        """
        return bool(self.cap_bounding >> CAP_SYS_RESOURCE & 1)


def parse_facts(text: str) -> HostFacts:
    """Read what FACTS_SCRIPT printed; NotReadyError if the output is cut short."""
    values: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, separator, value = line.partition("=")
        if separator:
            values.setdefault(key, []).append(value.strip())
    if "complete" not in values:
        raise NotReadyError(f"the host's answer about itself is cut short after {len(text)} bytes; ask again")
    return _facts_of(values)


def _facts_of(values: dict[str, list[str]]) -> HostFacts:
    def one(key: str) -> str | None:
        found = values.get(key)
        return found[-1] or None if found else None

    def number(key: str) -> int:
        return int(one(key) or 0)

    return HostFacts(
        os_id=one("os_id"),
        os_version=one("os_version"),
        os_name=one("os_name"),
        kernel=one("kernel") or "",
        arch=one("arch") or "",
        hostname=one("hostname") or "",
        epoch=float(one("epoch") or 0),
        machine_id=one("machine_id") or "",
        init=one("init") or "",
        cpus=number("cpus"),
        memory_kib=number("memory_kib"),
        cgroup_version=number("cgroup"),
        swaps=tuple(values.get("swap", ())),
        cap_bounding=int(one("cap_bounding") or "0", 16),
        addresses=tuple(values.get("address", ())),
        disk_free_kib=_kib(values.get("disk", ())),
        resolv_conf=one("resolv_conf") or "/etc/resolv.conf",
        nameservers=tuple(values.get("nameserver", ())),
        listening=frozenset(int(port, 16) for port in values.get("listening_hex", ())),
        conntrack_writable=one("conntrack_writable") != "no",
        docker_version=one("docker"),
        compose_version=one("compose"),
        tools=frozenset(values.get("tool", ())),
        cluster=one("cluster"),
    )


def _kib(lines: Sequence[str]) -> dict[str, int]:
    """Split lines of a path and a number; a line without the number tells nothing and is left out."""
    found = (line.partition(" ") for line in lines)
    return {path: int(number) for path, _, number in found if number}
