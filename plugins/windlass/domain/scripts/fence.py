"""What a host refuses: changes by a run whose lease is older than one that it has seen.

A lease alone cannot keep a worker that was suspended from going on when it wakes up; whoever is written to can
(https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html, "Making the lock safe with fencing").
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from windlass.domain.host.layout import FENCE
from windlass.errors import LostLeaseError, RefusedError

OVERTAKEN = 93
"""Exit code of a change that the host refused, which nothing else here ends with; with it goes a line on stderr."""
MOST_BELIEVED = 10**15
"""The highest counter that is taken from a host: one that makes up a number must not exhaust those that a shell has."""

_LINE = re.compile(r"windlass: overtaken by lease ([0-9]{1,18})")
_UNREADABLE = "windlass: the counter of leases is not readable"

# Most often the file has the same number, which takes no process but this shell. A number that cannot be written, on a
# full disk, keeps nobody from repairing the host. A shell compares numbers of up to 18 digits.
_TEXT = f"""
look() {{
  seen=; [ ! -e "$fence" ] || read -r seen <"$fence" || :
  [ -n "$seen" ] || [ ! -s "$fence" ] || seen=x
  case $seen in *[!0-9]* | {"?" * 19}*) echo "{_UNREADABLE}" >&2; exit {OVERTAKEN} ;; esac
  if [ "${{seen:-0}}" -gt "$mine" ]; then echo "windlass: overtaken by lease $seen" >&2; exit {OVERTAKEN}; fi
}}
look
[ "$seen" = "$mine" ] || (
  umask 022; mkdir -p -- "${{fence%/*}}" 2>/dev/null && exec 9<"${{fence%/*}}" && flock -w 60 9 || exit 0
  look
  umask 077
  {{ echo "$mine" >"$fence.new" && sync -- "$fence.new" && mv -fT -- "$fence.new" "$fence"; }} 2>/dev/null ||
    rm -f -- "$fence.new"
  exit 0
) || exit
exec "$@"
"""


def fenced(argv: Sequence[str], counter: int, path: str = FENCE) -> list[str]:
    """Return the command that does `argv` as it is, unless the host has seen a higher counter than this one."""
    return ["sh", "-c", f"fence={shlex.quote(path)} mine={counter}{_TEXT}", "windlass-fence", *argv]


def overtaken_by(host: str, exit_code: int, stderr: str) -> int | None:
    """Return the counter for which the host refused a change; None if it did not refuse.

    RefusedError where what it keeps is no counter.
    """
    if exit_code != OVERTAKEN:
        return None
    for line in stderr.splitlines():
        found = _LINE.fullmatch(line)
        if found and int(found[1]) <= MOST_BELIEVED:
            return int(found[1])
        if found or line == _UNREADABLE:
            raise RefusedError(
                f"{host}: {FENCE} holds no counter of a lease, so that nobody can tell whether a later run has changed "
                "this host; nothing was changed there: see who wrote it, remove the file, then start the run again"
            )
    return None


def refusal(host: str, counter: int, seen: int) -> LostLeaseError:
    """Return the error for a run that a host refused, naming both counters."""
    return LostLeaseError(
        f"{host}: refused by the host, which has seen lease {seen} of its cluster, while this run works with lease "
        f"{counter}: another run has taken over; nothing more is changed: look at what the other run did, then trigger "
        "the operation again"
    )
