"""The shell script that takes a cluster off a host and gives the host back as it was."""

from __future__ import annotations

from collections.abc import Sequence

from windlass.domain.catalog.drivers import HostTraces
from windlass.domain.host.layout import CLUSTER_LABEL, DRILL_LABEL
from windlass.domain.scripts.driver_traces import trace_words
from windlass.domain.scripts.engine import CHECK_ENGINE, END_ENGINE
from windlass.domain.scripts.host_record import (
    ENGINE_IS_OURS,
    LIST_IMAGES,
    PUT_FILES_BACK,
    PUT_SETTINGS_BACK,
    REMOVE_CGROUPS,
    REMOVE_TABLES,
    TAKE_IMAGES,
)
from windlass.domain.scripts.nft_tables import REMOVE_NFT_TABLES
from windlass.domain.scripts.own_files import PUT_BACK
from windlass.domain.scripts.script import Script
from windlass.domain.scripts.virtual_address import RELEASE_ADDRESS


def removal_script(pod_ranges: Sequence[str], traces: HostTraces) -> Script:
    """Return the script; `traces` of drivers go, and so do routes into `pod_ranges` over the host's own interface."""
    arguments = {"pod_ranges": pod_ranges, "traces": traces}
    return Script("remove-cluster", arguments, f"{trace_words(pod_ranges, traces)}{_CHECKS}{_REMOVE}{_END}")


_CHECKS = r"""
set -u
left=
add() { left="$left${left:+; }$1"; }

# An engine that does not answer may hold containers, which may run: that is told, unless its directory has none.
engine=none
if command -v docker >/dev/null; then
  if said=$(timeout 60 docker ps -q 2>&1); then engine=up
  elif [ ! -d /var/lib/docker ] || [ -n "$(ls -A /var/lib/docker/containers 2>/dev/null)" ]; then
    command -v dockerd >/dev/null && engine="silent: $(printf %s "$said" | tr '\n' ' ')"
  fi
fi

check_containers() {
  case $engine in
    none) return 0 ;;
    silent*) add "maybe containers: Docker does not answer (${engine#silent: })"; return 0 ;;
  esac
  names=$(
    for filter in label=CLUSTER_LABEL label=DRILL_LABEL label=com.docker.compose.project=windlass-etcd \
      label=com.docker.compose.project=windlass-control-plane label=com.docker.compose.project=windlass-api-proxy; do
      docker ps -a --filter "$filter" --format '{{.Names}}'
    done | sort -u)
  for name in $names; do add "container $name"; done
}

check_units() {
  for unit in kubelet windlass-containerd; do
    if systemctl is-active --quiet "$unit" || [ -e "/etc/systemd/system/$unit.service" ]; then add "unit $unit"; fi
  done
}

check_mounts() {
  for path in $(awk '$2 ~ "^(/var/lib/kubelet|/var/lib/windlass|/run/windlass)/" {print $2}' /proc/mounts | sort -u); do
    add "mount $path"
  done
}

# Programs of ours by their name and by what they are started with: somebody else's etcd reads other files.
check_processes() {
  programs='(^|/)(kubelet|containerd|containerd-shim-runc-v2|etcd|kube-apiserver|kube-controller-manager|kube-scheduler'
  found=$(ps -ww -eo pid=,stat=,args= | awk -v programs="$programs|haproxy)$" '
    $2 !~ /^Z/ && $3 ~ programs && /\/(etc|opt|run|var\/lib)\/windlass\// {sub(".*/", "", $3); print $1 "/" $3}')
  for process in $found; do add "process ${process%%/*} (${process#*/})"; done
}

check_directories() {
  for path in $(ls -Ad /var/lib/windlass/* /var/lib/kubelet/* 2>/dev/null); do
    case $path in */lost+found) ;; *) add "directory $path" ;; esac
  done
}

"""
_CHECKS = _CHECKS.replace("CLUSTER_LABEL", CLUSTER_LABEL).replace("DRILL_LABEL", DRILL_LABEL) + CHECK_ENGINE
"""Finds what is left of a cluster."""

_END_PODS = r"""
gone() { echo "changed: $1"; }

stop_unit() {
  [ -e "/etc/systemd/system/$1.service" ] || systemctl is-active --quiet "$1" || return 0
  systemctl disable --now --quiet "$1" 2>/dev/null; gone "unit $1"
}
stop_unit kubelet
# The shims of pods outlive containerd on purpose; they end here, each by its id and with what it mounted.
for pid in $(pgrep -f '^/.*containerd-shim-runc-v2 .*-address /run/windlass/containerd.sock'); do
  for child in $(pgrep -P "$pid"); do kill -9 "$child" 2>/dev/null; done
  kill -9 "$pid" 2>/dev/null
done
stop_unit windlass-containerd
# Of a shim that ended before them the processes of pods are left: their root is one of our containerd's.
for file in $(grep -lsE '^[0-9]+ [0-9]+ [^ ]+ [^ ]+ / .*/var/lib/windlass/containerd/' /proc/[0-9]*/mountinfo); do
  pid=${file#/proc/}; kill -9 "${pid%/mountinfo}" 2>/dev/null
done
# Kubelet makes them for pods, and leaves them.
slices=$(systemctl list-units --all --plain --no-legend --type=slice 'kubepods*' 2>/dev/null | awk '{print $1}')
[ -z "$slices" ] || { systemctl stop $slices 2>/dev/null; gone "cgroup slices"; }
"""
END_RUNTIME = f"{_END_PODS}{REMOVE_NFT_TABLES}"
"""Ends the kubelet, the pods' runtime and whatever runs of pods, with tables of nftables; its units' files stay."""

_END_CONTAINERS = (
    f"{RELEASE_ADDRESS}\n"
    + r"""if [ "$engine" = up ]; then
  # Windlass's own also where their labels were lost; the user's by the label that all of them carry.
  own=$(docker ps -a --filter label=CLUSTER_LABEL --format '{{.Label "com.docker.compose.project"}}' | sort -u)
  for project in $(printf '%s\n' windlass-etcd windlass-control-plane windlass-api-proxy $own | sort -u); do
    containers=$(docker ps -aq --filter "label=com.docker.compose.project=$project")
    [ -z "$containers" ] || { timeout 120 docker rm -fv $containers >/dev/null && gone "stack ${project#windlass-}"; }
    networks=$(docker network ls -q --filter "label=com.docker.compose.project=$project")
    [ -z "$networks" ] || docker network rm $networks >/dev/null 2>&1
  done
  for label in CLUSTER_LABEL DRILL_LABEL; do
    containers=$(docker ps -aq --filter "label=$label")
    [ -z "$containers" ] || { timeout 120 docker rm -fv $containers >/dev/null && gone "containers of no stack"; }
  done
fi

release_address
# Deepest first; a volume that the host itself mounts at one of these directories stays.
awk '{print $2}' /proc/mounts | sort -r | while read -r path; do
  case $path in
    /var/lib/kubelet/*|/run/windlass/*|/var/lib/windlass/*|/run/netns/cni-*) umount -l "$path" 2>/dev/null ;;
  esac
done""".replace("CLUSTER_LABEL", CLUSTER_LABEL).replace("DRILL_LABEL", DRILL_LABEL)
)

REMOVE_NETWORK = r"""
for namespace in $(ip netns list 2>/dev/null | awk '/^cni-/ {print $1}'); do ip netns delete "$namespace"; done
for link in $links \
  $(ip -o link | awk -F'[ :@]+' '$2 ~ /^veth/ && /cni0|cni-/ {print $2}'); do
  ip link show "$link" >/dev/null 2>&1 && ip link delete "$link" && gone "interface $link"
done
{
  ip route | grep -E " dev ($routes)|proto ($routes)" | awk '{print $1}'
  ip -6 route 2>/dev/null | grep -E " dev ($routes)|proto ($routes)" | awk '{print $1}'
  for range in $pods; do
    case $range in *:*) ip -6 route show root "$range" ;; *) ip route show root "$range" ;; esac
  done | awk '/ via / {print $1}'
} | sort -u | while read -r route; do ip route delete "$route" && gone "route $route"; done

for tables in iptables ip6tables; do
  command -v $tables-save >/dev/null || continue
  rules=$($tables-save 2>/dev/null)
  kept=$(printf '%s\n' "$rules" | grep -vE "(^:|^-A | -[jg] )($chains)-")
  [ "$kept" = "$rules" ] || { printf '%s\n' "$kept" | $tables-restore && gone "$tables chains"; }
done
"""
"""Takes the pods' network away: its interfaces, its routes (into `$pods`), its rules, as `trace_words` names them."""

_REMOVE_FILES = r"""rm -rf /etc/systemd/system/kubelet.service /etc/systemd/system/kubelet.service.d \
  /etc/systemd/system/windlass-containerd.service /etc/cni/net.d/*windlass* \
  /etc/sysctl.d/*windlass* /etc/modules-load.d/windlass* /var/log/windlass $traces \
  /usr/local/lib/docker/cli-plugins/docker-compose /run/windlass
# Of a cluster that began with an earlier release nothing is noted.
[ -e $record/complete ] || rm -rf /opt/cni/bin
ENGINE_IS_OURS || rm -rf /opt/windlass
PUT_FILES_BACK
# What this run has left of itself is nothing of the cluster's.
rm -f /etc/windlass/fence; rmdir /etc/windlass 2>/dev/null
[ ! -e /etc/windlass ] || gone "files"
if ENGINE_IS_OURS; then
  find /etc/windlass -mindepth 1 -maxdepth 1 ! -name before -exec rm -rf {} + 2>/dev/null
else rm -rf /etc/windlass; fi
for directory in /var/lib/windlass /var/lib/kubelet /var/lib/cni; do
  [ -d "$directory" ] || continue
  find "$directory" -mindepth 1 -maxdepth 1 -exec rm -rf {} + 2>/dev/null
  rmdir "$directory" 2>/dev/null
done
systemctl daemon-reload
""".replace("ENGINE_IS_OURS", ENGINE_IS_OURS).replace("PUT_FILES_BACK", PUT_FILES_BACK)

_END_DOCKER = LIST_IMAGES + _END_CONTAINERS + TAKE_IMAGES + END_ENGINE
_REMOVE_NETWORK = REMOVE_NETWORK + REMOVE_TABLES + REMOVE_CGROUPS
_REMOVE = END_RUNTIME + _END_DOCKER + _REMOVE_NETWORK + PUT_BACK + PUT_SETTINGS_BACK + _REMOVE_FILES
"""Prints `changed: WHAT` for everything that it took away; a second run prints nothing. The host's own engine stays."""

_END = r"""
# What was killed takes a moment to end.
for try in 1 2 3 4 5 6 7 8 9 10; do
  left=
  check_containers; check_units; check_mounts; check_processes; check_directories; check_engine
  [ -n "$left" ] || exit 0
  sleep 1
done
echo "left on the host: $left" >&2
exit 1
"""
"""Fails if anything is left, and says all of it in one line; a second run goes on where this one ended."""
