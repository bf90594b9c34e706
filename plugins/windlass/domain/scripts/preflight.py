"""The script that tries what a host must reach, and for a host of etcd how fast its disk is."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from windlass.domain.scripts.script import Script

UNREACHED = "unreached="
FSYNC = "fsync_ns="
"""Begin the lines that say what was not reached, and how long a small write to disk took on average."""


def surroundings_script(hosts: Mapping[str, str], sites: Mapping[str, str], *, has_etcd: bool) -> Script:
    """Return a script that tries the SSH ports of other `hosts` and the `sites`, and for a host of etcd the disk.

    `hosts` are addresses with port by name; `sites` are the URLs that artifacts come from, by what they are called.
    """
    lines = [
        # sshd answers a request that is none of its own at once, which curl takes for bad HTTP: that host is reached.
        # curl ends with 28 after a time-out and with 7 when refused or without a route: both are no answer.
        f"( curl -s --connect-timeout 3 --max-time 5 http://{address} >/dev/null 2>&1;"
        f" case $? in 7|28) {_say_unreached(f'{name} ({address})')} ;; esac ) &"
        for name, address in hosts.items()
    ]
    lines += [
        f"( curl -fsSL --connect-timeout 3 --max-time 5 {shlex.quote(url)} >/dev/null 2>&1"
        f" || {_say_unreached(name)} ) &"
        for name, url in sites.items()
    ]
    if has_etcd:
        lines.append(_MEASURE_FSYNC)
    arguments = {"hosts": dict(hosts), "sites": dict(sites), "has_etcd": has_etcd}
    return Script("check-surroundings", arguments, "\n".join([*lines, "wait"]) + "\n")


def _say_unreached(what: str) -> str:
    return f"echo {shlex.quote(f'{UNREACHED}{what}')}"


_MEASURE_FSYNC = f"""file=$(mktemp /var/lib/windlass-preflight.XXXXXX) || exit 0
start=$(date +%s%N)
dd if=/dev/zero of="$file" bs=2k count=20 oflag=dsync status=none
end=$(date +%s%N)
rm -f "$file"
echo "{FSYNC}$(( (end - start) / 20 ))"
"""
