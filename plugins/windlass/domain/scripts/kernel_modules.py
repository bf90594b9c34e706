"""The script that tells which modules of the kernel a host cannot have."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from windlass.domain.scripts.script import Script

LACKS = "lacks="
"""Begins each line of an answer."""


def lacking_modules_script(modules: Iterable[str]) -> Script:
    """Return the script; nothing is told where the host knows neither what its kernel was built with nor its modules.

    A module is there if it is loaded or built in, lies among the kernel's modules, or is one that the kernel's own
    configuration has: a host that is a container may see no modules, and still get them.
    """
    asked = tuple(modules)
    return Script(
        "find-kernel-modules", {"modules": asked}, f"modules={shlex.quote(' '.join(asked))}{_TEXT}", is_look=True
    )


_TEXT = rf"""
kernel=$(uname -r)
lists=$(ls /lib/modules/$kernel/modules.dep /lib/modules/$kernel/modules.builtin 2>/dev/null)
built=$(gzip -dc /proc/config.gz 2>/dev/null || cat /boot/config-$kernel 2>/dev/null)
for module in $modules; do
  [ -n "$lists$built" ] || break
  [ ! -d /sys/module/$module ] || continue
  file=$(printf %s $module | sed 's/_/[-_]/g')
  [ -z "$lists" ] || ! grep -qE "(^|/)$file\.ko" $lists || continue
  option=$(printf %s $module | tr a-z A-Z)
  ! printf '%s
' "$built" | grep -qE "^CONFIG_$option=[my]$" || continue
  echo "{LACKS}$module"
done
:
"""
