"""The shell scripts of a recovery; each can run twice, and the second time does what is left.

Below the data directory of etcd, `restore-ID` is where a snapshot is restored beside the old data, and
`member.before-ID` is the old data once the new has taken its place: renames within one file system.
"""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass

from windlass.domain.host.layout import ETCD_DATA
from windlass.domain.scripts.script import CHANGED, Script

MARK = f"{ETCD_DATA}/recovered"
"""Holds the id of the recovery that the data comes from."""


@dataclass(frozen=True)
class Restore:
    """What one member is restored as."""

    id: str
    name: str
    peer_url: str
    initial_cluster: str
    token: str
    """New for each recovery, so that what is left of the old cluster can never join this one."""
    bump: int
    image: str

    @property
    def directory(self) -> str:
        """Return where the snapshot is restored, beside the old data."""
        return restore_directory(self.id)


def restore_directory(recovery: str) -> str:
    """Return where the recovery of that id restores, beside the old data."""
    return f"{ETCD_DATA}/restore-{recovery}"


def stage_script(recovery: str) -> Script:
    """Return the script that says how far the recovery of that id has come on a host, and what room there is."""
    text = f"""
if [ "$(cat {MARK} 2>/dev/null)" = {shlex.quote(recovery)} ]; then echo stage=switched
elif [ -e {restore_directory(recovery)}/done ]; then echo stage=restored; fi
[ -e {ETCD_DATA}/member ] && echo old=yes
for directory in {ETCD_DATA} /var/lib/windlass /var/lib; do
  [ -d "$directory" ] && df -Pk "$directory" | awk 'NR > 1 {{print "free=" $4}}' && break
done
"""
    return Script("check-restore", {"recovery": recovery}, text, is_look=True)


def receive_script(recovery: str) -> Script:
    """Return the script that takes a snapshot from its standard input."""
    directory = restore_directory(recovery)
    text = f'set -e; umask 077; mkdir -p "{directory}"; rm -rf "{directory}/data"; cat > "{directory}/snapshot.db"'
    return Script("receive-snapshot", {"path": f"{directory}/snapshot.db"}, text)


def restore_script(restore: Restore) -> Script:
    """Return the script that restores the snapshot which was received, beside the old data.

    etcdutl runs in a one-off container of the member's own image: no network, no capabilities, nothing writable but
    that directory. It checks the sum at the snapshot's end. Revisions are bumped and what came before is marked as
    compacted, so that no watch goes on as if nothing had happened: https://github.com/etcd-io/etcd/issues/16028.
    """
    flags = {
        "data-dir": "/restore/data",
        "name": restore.name,
        "initial-cluster": restore.initial_cluster,
        "initial-cluster-token": restore.token,
        "initial-advertise-peer-urls": restore.peer_url,
        "bump-revision": str(restore.bump),
    }
    words = [f"--{name}={value}" for name, value in flags.items()]
    confined = "--rm --network none --read-only --cap-drop ALL --security-opt no-new-privileges"
    argv = shlex.join([restore.image, "snapshot", "restore", "/restore/snapshot.db", "--mark-compacted", *words])
    text = f"""set -eu
cd {restore.directory}
exec 9>lock; flock -w 300 9
[ ! -e done ] || exit 0
rm -rf data
log=$(mktemp); trap 'rm -f $log' EXIT
if ! docker run {confined} -v {restore.directory}:/restore --entrypoint etcdutl {argv} >$log 2>&1; then
  tail -n 3 $log >&2; exit 1
fi
rm -f snapshot.db
sync -f data; touch done
echo "{CHANGED}restored the snapshot beside the old data"
"""
    return Script("restore-snapshot", asdict(restore), text)


def stop_script() -> Script:
    """Return the script that stops the control plane of a host, then its member of etcd."""
    return Script("stop-control-plane", {}, _STOP)


_STOP = f"""set -eu
command -v docker >/dev/null || exit 0
of() {{ docker ps -q --filter "label=com.docker.compose.project=windlass-$1"; docker ps -q --filter status=restarting \
  --filter "label=com.docker.compose.project=windlass-$1"; }}
# What asks etcd is not waited for: what it would still write is thrown away.
control=$(of control-plane | sort -u); members=$(of etcd | sort -u)
[ -z "$control" ] || {{ docker stop -t 0 $control >/dev/null; echo "{CHANGED}stopped the control plane"; }}
[ -z "$members" ] || {{ docker stop -t 10 $members >/dev/null; echo "{CHANGED}stopped etcd"; }}
"""


def switch_script(recovery: str) -> Script:
    """Return the script that puts the restored data in the old one's place, and keeps the old one."""
    restored, kept = restore_directory(recovery), f"member.before-{recovery}"
    text = f"""set -eu
cd {ETCD_DATA}
if [ -e {restored}/data/member ]; then
  [ ! -e member ] || {{ mv -T member {kept}; echo "{CHANGED}kept the old data as {ETCD_DATA}/{kept}"; }}
  mv -T {restored}/data/member member
  echo "{CHANGED}put the restored data in place"
fi
echo {shlex.quote(recovery)} > recovered
rm -rf restore-*
sync -f .
"""
    return Script("switch-data", {"recovery": recovery}, text)


def way_back(recovery: str, hosts: tuple[str, ...]) -> str:
    """Say how to go on, and how to go back to the old data."""
    return (
        f"To go on, clear the failed task. The data from before is kept on {', '.join(hosts)}, as "
        f"{ETCD_DATA}/member.before-{recovery} where there was any; to go back to it, follow `Going back` in "
        "docs/runbooks/disaster-recovery.md"
    )
