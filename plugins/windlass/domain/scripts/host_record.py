"""Scripts that note what a host was before it became a cluster's, and that put it back when the cluster goes.

All of it lies in one directory, which an operator can read: `complete` says that the rest is, `absent` has paths that
were not there, `kept` holds files that Windlass replaces, `parameters` the kernel's, `images` the ids of those that
Docker had, `pulled` the names of those that Windlass added. Files of the spec's own have notes of theirs (`own_files`).
"""

from __future__ import annotations

import re
import shlex

from windlass.domain.host.layout import (
    CLUSTER_LABEL,
    CNI_CONFIG,
    DOCKER_ADDED,
    DOCKER_BEFORE,
    DOCKER_DAEMON,
    DOCKER_PLUGINS,
    DOCKER_RESTORED,
    ENGINE_MARK,
    ENGINE_UNIT,
    HOST_RECORD,
    KERNEL_PARAMETERS,
    KUBELET_DATA,
    PROGRAMS,
    SYSTEMD,
)
from windlass.domain.scripts.script import Script

ENGINE_IS_OURS = f"grep -qsxF {shlex.quote(ENGINE_MARK)} {ENGINE_UNIT}"
"""Tells by its end whether the host's Docker Engine is one that Windlass brought."""
PULLED = f"{HOST_RECORD}/pulled"
_COMPOSE_PLUGIN = f"{DOCKER_PLUGINS}/cli-plugins/docker-compose"
_REPLACED = (DOCKER_DAEMON, _COMPOSE_PLUGIN)
RULES_BEFORE = f"{HOST_RECORD}/$tables"
"""What `iptables-save` or `ip6tables-save` said, as `$tables` is."""
_CGROUPS_BEFORE = f"{HOST_RECORD}/cgroups"
_DIRECTORIES = (
    "/etc/docker",
    "/etc/cni",
    CNI_CONFIG,
    "/etc/modules-load.d",
    "/etc/sysctl.d",
    f"{SYSTEMD}/docker.service.d",
    "/opt",
    "/opt/cni",
    # An option of containerd, for what it may be given to install.
    "/opt/containerd",
    "/opt/containerd/bin",
    "/opt/containerd/lib",
    # Pods mount it, and it is made for them.
    "/lib/modules",
    "/usr/lib/modules",
    "/run/netns",
    DOCKER_PLUGINS,
    f"{DOCKER_PLUGINS}/cli-plugins",
    KUBELET_DATA,
    "/var/lib/cni",
)
_TREES = ("/opt/cni/bin", "/usr/libexec/kubernetes", "/var/log/containers", "/var/log/pods")
"""What kubelet and network drivers fill, which goes with its content where it was not there before."""
_OF_CONTAINERD = ("/run/containerd", "/run/nri")
"""What containerds have there; each goes where it was not there before and nobody listens in it."""
_CGROUPS = " ".join(f"/sys/fs/cgroup/{name}" for name in ("kubepods.slice", "docker", "*/kubepods.slice", "*/docker"))
_SET_BY_COMPONENTS = (
    "net.ipv4.conf.all.route_localnet",  # kube-proxy, for node ports on loopback
    "net.ipv6.conf.all.forwarding",  # the engine, and network drivers
    "net.ipv6.conf.default.forwarding",
)
"""Parameters of the kernel that are set to 1 by others than the file of Windlass's."""
_PARAMETER = re.compile(r"^-?([\w.-]+) *=", re.MULTILINE)


_NOTE_FILES = f"""  for path in {shlex.join((*_DIRECTORIES, *_TREES, *_OF_CONTAINERD))}; do
    [ -e "$path" ] || [ -L "$path" ] || echo "$path" >>$record/absent
  done
  for path in {shlex.join((*_DIRECTORIES, "/var/lib/docker"))}; do
    [ ! -d "$path" ] || stat -c '%a %n' "$path" >>$record/modes
  done
  for path in {shlex.join(_REPLACED)}; do
    case $(readlink "$path" 2>/dev/null) in {PROGRAMS}/*) continue ;; esac
    if [ -e "$path" ] || [ -L "$path" ]; then
      mkdir -p "$record/kept${{path%/*}}" && cp -a "$path" "$record/kept$path" || exit 1
    fi
  done
"""
_NOTE_NETWORK = f"""  for tables in iptables ip6tables; do
    $tables-save >{RULES_BEFORE} 2>/dev/null || rm -f {RULES_BEFORE}
  done
  ! command -v nft >/dev/null || nft list tables >$record/tables 2>/dev/null || :
  ls -d {_CGROUPS} >{_CGROUPS_BEFORE} 2>/dev/null || :
"""


def parameter_names(settings: str) -> tuple[str, ...]:
    """Return the names of the kernel parameters that a file of `sysctl.d` sets."""
    return tuple(_PARAMETER.findall(settings))


def note_host_script(parameters: tuple[str, ...]) -> Script:
    """Return the script that notes a host as it is, once; of `parameters` it also notes those that came later.

    What a container shares with its machine is not its own to put back: there only parameters of the network count.
    """
    text = f"""set -u
umask 077
record={HOST_RECORD}
if [ ! -e $record/complete ]; then
  ( umask 022; mkdir -p "${{record%/*}}" )
  # One that was broken off is begun anew: until it is complete nothing is changed.
  rm -rf $record; mkdir $record || exit 1
{_NOTE_FILES}{_NOTE_NETWORK}  if command -v dockerd >/dev/null; then
    docker images -aq --no-trunc >$record/images 2>/dev/null || echo unknown >$record/images
  fi
  sync -f $record; : >$record/complete
fi
if systemd-detect-virt -cq 2>/dev/null; then own='net.*'; else own='*'; fi
touch $record/parameters
for name in {shlex.join((*parameters, *_SET_BY_COMPONENTS))}; do
  case $name in $own) ;; *) continue ;; esac
  cut -d= -f1 $record/parameters | grep -qxF "$name" && continue
  value=$(sysctl -n "$name" 2>/dev/null) && echo "$name=$value" >>$record/parameters
done
sync -f $record
"""
    return Script("note-host", {"parameters": parameters}, text)


LIST_IMAGES = f"""record={HOST_RECORD}
if [ "$engine" = up ] && [ -d $record ]; then
  docker ps -a --no-trunc --filter label={CLUSTER_LABEL} --format '{{{{.Image}}}}' >>{PULLED}
fi
"""
"""Notes what a cluster's containers were made from, before they go."""

TAKE_IMAGES = f"""
if [ "$engine" = up ] && [ -e $record/complete ] && ! grep -qsxF unknown $record/images; then
  # Never by force: what a container of somebody else's uses stays.
  sort -u {PULLED} | while IFS= read -r image; do
    id=$(docker image inspect --format '{{{{.Id}}}}' "$image" 2>/dev/null) || continue
    grep -qsxF "$id" $record/images || {{ docker rmi "$image" >/dev/null 2>&1 && gone "image $image"; }}
  done
fi
"""
"""Takes images that Windlass brought out of an engine that is not its own; those that were there before stay."""

_IS_WHOLE = f"[ -e {HOST_RECORD}/complete ] && ! {ENGINE_IS_OURS}"
"""An engine of ours that has to stay for others' containers still needs what was set for it."""

PUT_SETTINGS_BACK = f"""record={HOST_RECORD}
if {_IS_WHOLE}; then
  if [ -e {DOCKER_ADDED} ]; then
    if [ ! -s {DOCKER_RESTORED} ]; then rm -f {DOCKER_DAEMON}
    elif cmp -s {DOCKER_RESTORED} {DOCKER_BEFORE}; then
      cp -a {DOCKER_BEFORE} {DOCKER_DAEMON}.windlass; mv -T {DOCKER_DAEMON}.windlass {DOCKER_DAEMON}
    else cat {DOCKER_RESTORED} >{DOCKER_DAEMON}; fi
    # Where others' containers run, settings that a reload does not take wait for the engine's next start.
    if [ "$engine" = up ]; then
      if [ -z "$(docker ps -q)" ]; then systemctl restart docker; else systemctl reload docker; fi
    fi
    rm -f {DOCKER_ADDED}; gone "docker settings"
  fi
  restored=
  while IFS='=' read -r name value; do
    set=$(sed -n "s/^-*$name *= *//p" {KERNEL_PARAMETERS} 2>/dev/null)
    case $name in {"|".join(_SET_BY_COMPONENTS)}) set=${{set:-1}} ;; esac
    # What somebody else has set since stays.
    [ "$set" != "$value" ] && [ "$(sysctl -n "$name" 2>/dev/null)" = "$set" ] || continue
    sysctl -q -w "$name=$value" 2>/dev/null && restored=yes
  done <$record/parameters
  [ -z "$restored" ] || gone "kernel parameters"
  : >$record/parameters
fi
"""
"""Puts Docker's settings and the kernel's parameters back, while Windlass's still tell what they were set to."""

PUT_FILES_BACK = f"""
if {_IS_WHOLE}; then
  if [ -e $record/kept{_COMPOSE_PLUGIN} ] || [ -L $record/kept{_COMPOSE_PLUGIN} ]; then
    mkdir -p {DOCKER_PLUGINS}/cli-plugins; cp -a $record/kept{_COMPOSE_PLUGIN} {_COMPOSE_PLUGIN}
  fi
  LC_ALL=C sort -r $record/absent 2>/dev/null | while IFS= read -r path; do
    case $path in
      {"|".join(_TREES)}) rm -rf "$path" ;;
      {"|".join(_OF_CONTAINERD)}) grep -q " $path/" /proc/net/unix || rm -rf "$path" ;;
      # CNI mounts it on itself.
      /run/netns) [ -n "$(ls -A $path 2>/dev/null)" ] || {{ umount -l $path 2>/dev/null; rmdir $path 2>/dev/null; }} ;;
      *) rmdir "$path" 2>/dev/null ;;
    esac
  done
  cat $record/modes 2>/dev/null | while read -r mode path; do
    [ ! -d "$path" ] || [ "$(stat -c %a "$path")" = "$mode" ] || chmod "$mode" "$path"
  done
fi
"""
"""Puts back what other files and directories were, and takes directories away that were not there."""

REMOVE_CGROUPS = f"""
# What was killed takes a moment to leave its cgroup.
for try in 1 2 3 4 5 6; do
  left=
  for path in {_CGROUPS}; do
    [ -d "$path" ] && ! grep -qsxF "$path" {_CGROUPS_BEFORE} || continue
    case $path in
      # Containers take theirs with them; of others' there may be some by now.
      */docker) rmdir "$path" 2>/dev/null ;;
      *) find "$path" -depth -type d -exec rmdir {{}} + 2>/dev/null; [ ! -d "$path" ] || left=yes ;;
    esac
  done
  [ -n "$left" ] || break
  sleep 0.5
done
"""
"""Takes cgroups of pods away, in every hierarchy: systemd does so only in those that it uses."""

REMOVE_TABLES = f"""
if [ -e {HOST_RECORD}/tables ]; then
  nft list tables 2>/dev/null | grep -E '^table ip6? (filter|nat|mangle|raw|security)$' |
    while read -r _ family table; do
      grep -qxF "table $family $table" {HOST_RECORD}/tables && continue
      nft list table $family $table |
        grep -qvE '^table |^[[:space:]]*(#.*|chain [A-Z]+ [{{]|type .*policy accept;|[}}])?[[:space:]]*$' ||
        nft delete table $family $table
    done
fi
"""
"""Takes those tables of iptables away that were not there and have no rules any more."""
