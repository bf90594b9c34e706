"""Scripts about the etcd member of a host: how it is, start it again, say whether that lasted."""

from __future__ import annotations

import shlex

from windlass.domain.host.layout import DATA, ETCD_DATA, stack_directory
from windlass.domain.scripts.script import CHANGED, Script

CONTAINER = "windlass-etcd"


def observe_member_script() -> Script:
    """Return the script that says whether the member runs, whether it has data, and how much room that has left."""
    return Script("observe-member", {}, _OBSERVE, is_look=True)


_OBSERVE = f"""
state=$(docker inspect --format '{{{{.State.Status}}}}' {CONTAINER} 2>/dev/null)
case $state in
  running) echo process=running ;;
  '') if pgrep -x etcd >/dev/null; then echo process=running
      elif docker version >/dev/null 2>&1 || ! command -v docker >/dev/null; then echo process=absent
      else echo process=stopped; fi ;;
  *) echo process=stopped ;;
esac
ls {shlex.quote(ETCD_DATA)}/member/wal/*.wal >/dev/null 2>&1 && echo data=yes || echo data=no
for directory in {shlex.quote(ETCD_DATA)} {DATA} /var/lib; do
  [ -d "$directory" ] && df -Pk "$directory" | awk 'NR > 1 {{print "free=" $4}}' && break
done
"""


def restart_member_script() -> Script:
    """Return the script that starts the member on its data.

    The container is recreated, so that what Docker counts of it is of this start.
    """
    return Script("restart-member", {}, _RESTART)


_RESTART = f"""set -eu
cd {stack_directory("etcd")}
log=$(mktemp); trap 'rm -f $log' EXIT
docker rm -f {CONTAINER} >/dev/null 2>&1 || :
if docker compose -p windlass-etcd -f compose.yaml up -d >$log 2>&1; then echo "{CHANGED}etcd"
else tail -n 3 $log >&2; fi
"""


def member_ended_script() -> Script:
    """Return the script that says so if the member has ended since it was started again."""
    return Script("check-member-ended", {}, _HAS_ENDED, is_look=True)


_HAS_ENDED = f"""
set -- $(docker inspect --format '{{{{.State.Status}}}} {{{{.RestartCount}}}}' {CONTAINER} 2>/dev/null || echo gone 0)
[ "$1" = running ] && [ "$2" -lt 2 ] || echo "{CHANGED}ended"
"""
