"""Scripts about files that are on a host only because the spec asks for them: noted, kept, taken away, put back."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from windlass.domain.host.layout import KERNEL_PARAMETERS, OWN, OWN_PARAMETERS
from windlass.domain.scripts.script import CHANGED, Script

_FUNCTIONS = f"""own={OWN}
forget() {{ # line; where it is the last one grep finds no other, which is no failure
  grep -vxF "$1" $own/record >$own/record.new || [ $? = 1 ]
  mv $own/record.new $own/record
}}
take_away() {{ # path
  if [ -e "$own/kept$1" ] || [ -L "$own/kept$1" ]; then
    mkdir -p "${{1%/*}}"; cp -a "$own/kept$1" "$1.windlass"; mv -T "$1.windlass" "$1"; rm -f "$own/kept$1"
    echo "{CHANGED}$1, which is again what it was"
  else rm -f "$1"; echo "{CHANGED}$1, which is gone"; fi
  forget "file $1"
}}
take_directories() {{ # made for such files, and empty by now
  sed -n 's/^dir //p' $own/record | LC_ALL=C sort -r | while IFS= read -r path; do
    ! grep -qF "$path/" $own/wanted || continue
    [ ! -d "$path" ] || rmdir "$path" 2>/dev/null || continue
    forget "dir $path"
  done
}}
"""
_KEEP = """keep() { # path
  ! grep -qxF "file $1" $own/record || return 0
  if [ -d "$1" ]; then
    echo "$1 is a directory here, and a file in the spec; move it away, or give the file another path" >&2; exit 1
  fi
  directory=${1%/*}
  while [ -n "$directory" ] && [ ! -e "$directory" ]; do
    echo "dir $directory" >>$own/record; directory=${directory%/*}
  done
  if [ -e "$1" ] || [ -L "$1" ]; then
    mkdir -p "$own/kept${1%/*}"; rm -rf $own/copy; cp -a "$1" $own/copy; mv -T $own/copy "$own/kept$1"
  fi
  sync -f $own; echo "file $1" >>$own/record
}
"""
OWN_LINES = f"sed -n 's/^file /own=/p' {OWN}/record 2>/dev/null"
"""Prints a line `own=PATH` for every such file that a host has noted."""


def own_files_script(paths: Iterable[str]) -> Script:
    """Return the script to run before such files are written, of which `paths` are wanted on the host.

    Of each that is new it keeps what lies there, and notes it before anything takes its place. What was noted and is
    not wanted any more is put back, or taken away where nothing was; so are directories that were made for it.
    """
    wanted = tuple(sorted(paths))
    lines = f"printf '%s\\n' {shlex.join(wanted)} >$own/wanted" if wanted else ": >$own/wanted"
    # A host that never had any is left as it is.
    guard = "" if wanted else f"[ -e {OWN}/record ] || exit 0\n"
    text = f"""set -u
umask 077
{guard}{_FUNCTIONS}{_KEEP}( umask 022; mkdir -p "${{own%/*}}" )
mkdir -p $own/kept
touch $own/record
{lines}
while IFS= read -r path; do keep "$path" || exit 1; done <$own/wanted
for path in $(sed -n 's/^file //p' $own/record | grep -vxF -f $own/wanted); do take_away "$path"; done
take_directories
"""
    return Script("own-files", {"paths": wanted}, text)


PUT_BACK = f"""{_FUNCTIONS}if [ -e $own/record ]; then
  for path in $(sed -n 's/^file //p' $own/record); do
    # What lies below Windlass's own directories goes with them.
    case $path in /etc/windlass/*) ;; *) take_away "$path" ;; esac
  done
  : >$own/wanted
  take_directories
fi
if [ -e $own/parameters ]; then
  while IFS='=' read -r name value; do sysctl -q -e -w "$name=$value" || :; done <$own/parameters
  gone "kernel parameters"
fi
"""
"""Puts all back that was the spec's own, where a cluster is taken off a host."""

LOAD_PARAMETERS = f"""
own={OWN}/parameters names=$(sed -n 's/^\\([^#= ]*\\) *=.*/\\1/p' {OWN_PARAMETERS} 2>/dev/null) || names=
if [ -e $own ]; then
  while IFS='=' read -r name value; do
    if printf '%s\\n' "$names" | grep -qxF "$name"; then echo "$name=$value"
    else sysctl -q -e -w "$name=$value" >&2 || :; fi
  done <$own >$own.new
  mv $own.new $own
fi
sysctl -q -e -p {KERNEL_PARAMETERS} || :
if [ -n "$names" ]; then
  mkdir -p {OWN}; touch $own
  for name in $names; do
    if ! cut -d= -f1 $own | grep -qxF "$name" && value=$(sysctl -n "$name" 2>/dev/null); then
      echo "$name=$value" >>$own
    fi
  done
  if ! said=$(sysctl -q -p {OWN_PARAMETERS} 2>&1); then
    echo "the kernel does not take what spec.sysctls asks for: $(echo "$said" | head -n 3)" >&2; exit 1
  fi
fi
"""
"""Has the kernel take its parameters: what left the spec as it was before, then Windlass's, then the spec's."""
