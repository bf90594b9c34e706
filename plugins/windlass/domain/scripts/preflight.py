"""The script that tries what a host must reach, and for a host of etcd how fast its disk is."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import timedelta

from windlass.domain.scripts.curl import CurlProbe, tell_blocked
from windlass.domain.scripts.script import Script

_CONNECTS, _ANSWERS = timedelta(seconds=3), timedelta(seconds=5)
UNREACHED = "unreached="
FSYNC = "fsync_ns="
"""Begin the lines that say what was not reached, and how long a small write to disk took on average."""


def surroundings_script(
    hosts: Mapping[str, str], sites: Mapping[str, str], *, has_etcd: bool, is_outside: bool = False
) -> Script:
    """Return a script that tries the ports of other `hosts` and the `sites`, and for a host of etcd the disk.

    `hosts` are addresses with port by what is there; `sites` are the URLs that artifacts come from, by what they are
    called. If they are `is_outside`, the proxy of the host's environment is asked, as it is for the downloads
    themselves.
    """
    lines = [tell_blocked(_reaching(where), f"{UNREACHED}{name} ({where})") for name, where in hosts.items()]
    lines += [
        f"( {_fetching(url, is_outside=is_outside)} >/dev/null 2>&1 || echo {shlex.quote(f'{UNREACHED}{name}')} ) &"
        for name, url in sites.items()
    ]
    if has_etcd:
        lines.append(_MEASURE_FSYNC)
    arguments = {"hosts": dict(hosts), "sites": dict(sites), "has_etcd": has_etcd}
    return Script("check-surroundings", arguments, "\n".join([*lines, "wait"]) + "\n", is_look=True)


def _reaching(address: str) -> CurlProbe:
    return CurlProbe(f"https://{address}", _ANSWERS, "way", is_trusted=True, connects_within=_CONNECTS)


def _fetching(url: str, *, is_outside: bool) -> CurlProbe:
    return CurlProbe(url, _ANSWERS, connects_within=_CONNECTS, is_outside=is_outside, others=("--location",))


_MEASURE_FSYNC = f"""file=$(mktemp /var/lib/windlass-preflight.XXXXXX) || exit 0
start=$(date +%s%N)
dd if=/dev/zero of="$file" bs=2k count=20 oflag=dsync status=none
end=$(date +%s%N)
rm -f "$file"
echo "{FSYNC}$(( (end - start) / 20 ))"
"""
