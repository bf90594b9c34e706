"""Scripts by which a new etcd cluster begins: how did the member there begin, and the start of one that has no data."""

from __future__ import annotations

import shlex

from windlass.domain.bounded import read_from
from windlass.domain.etcd.bootstrap import MemberOrigin
from windlass.domain.host.layout import CLUSTER_MARK, ETCD_DATA, ETCD_STATUS_PORT, stack_directory
from windlass.domain.scripts.restore import MARK
from windlass.domain.scripts.script import CHANGED, Script

INITIAL_CLUSTER = f"{ETCD_DATA}/initial-cluster"
"""The members that the one whose data lies there was started with as one of a new cluster."""
_HAS_DATA = f"ls {ETCD_DATA}/member/wal/*.wal >/dev/null 2>&1"
_METRICS = f"http://127.0.0.1:{ETCD_STATUS_PORT}/metrics"


def member_origin_script() -> Script:
    """Return the script that says how the member of a host began; one that was just started is waited for."""
    return Script("observe-member-origin", {}, _OBSERVE, is_look=True)


_OBSERVE = f"""
[ ! -s {CLUSTER_MARK} ] || echo "mark=$(head -n 1 {CLUSTER_MARK})"
[ ! -s {INITIAL_CLUSTER} ] || echo "initial=$(head -n 1 {INITIAL_CLUSTER})"
for left in {ETCD_DATA}/member.* {ETCD_DATA}/restore-* {MARK}; do [ ! -e "$left" ] || echo "remains=$left"; done
{_HAS_DATA} || exit 0
deadline=$(( $(date +%s) + 10 ))
until applied=$(curl -sf --noproxy '*' -m 2 {_METRICS} |
    awk '$1 == "etcd_server_proposals_applied_total" {{printf "%d", $2}}') && [ -n "$applied" ]; do
  [ "$(date +%s)" -lt "$deadline" ] || exit 0
  sleep 0.2
done
echo "applied=$applied"
"""


def parse_member_origin(text: str) -> MemberOrigin:
    """Read what the script printed; IntegrityError if it is not of its form."""
    lines = [(line.partition("=")[0], line.partition("=")[2]) for line in text.splitlines() if "=" in line]
    values = dict(lines)
    remains = tuple(value.rpartition("/")[2] for key, value in lines if key == "remains")
    applied = values.get("applied")
    with read_from("what the host says of how its member began", "see what its login shell prints, and look again"):
        return MemberOrigin(values.get("mark"), values.get("initial"), int(applied) if applied else None, remains)


def bootstrap_script(initial_cluster: str) -> Script:
    """Return the script that starts the member of a host as one of a new cluster, unless it has data.

    Only this container is told that the cluster is new: Compose recreates it without, whenever it starts it next.
    """
    text = f"""set -eu
exec 9<{stack_directory("etcd")}
flock 9
! {_HAS_DATA} || exit 0
mkdir -p -m 700 {ETCD_DATA}
echo {shlex.quote(initial_cluster)} > {INITIAL_CLUSTER}.new; mv {INITIAL_CLUSTER}.new {INITIAL_CLUSTER}
log=$(mktemp); trap 'rm -f $log' EXIT
cd {stack_directory("etcd")}
export WINDLASS_ETCD_STATE=new WINDLASS_ETCD_CLUSTER={shlex.quote(initial_cluster)}
if ! docker compose -p windlass-etcd -f compose.yaml up -d --remove-orphans >$log 2>&1; then
  tail -n 3 $log >&2; exit 1
fi
echo "{CHANGED}stack etcd"
"""
    return Script("bootstrap-member", {"initial_cluster": initial_cluster}, text)
