"""Scripts by which a host joins etcd as a learner: can it, has it what it needs, and the start itself."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import timedelta

from windlass.domain.host.layout import ETCD_DATA, PKI, STACKS, SYSTEMD, stack_directory
from windlass.domain.scripts.curl import CurlProbe, tell_unreached
from windlass.domain.scripts.etcd_member import CONTAINER
from windlass.domain.scripts.script import CHANGED, Script
from windlass.domain.spec.models import Host

ASIDE = "member.replaced"
"""Where a replaced member's data is kept, below the data directory: only that of the last replacement."""


def way_script(others: Mapping[str, str]) -> Script:
    """Return the script that names those of `others` (name to peer address) which cannot be reached."""
    # Without a certificate of a peer the member turns it down: then it is reached.
    lines = [tell_unreached(_reaching(url), CHANGED + name) for name, url in others.items()]
    return Script("check-members-reached", {"others": dict(others)}, "\n".join([*lines, "wait"]) + "\n", is_look=True)


def _reaching(url: str) -> CurlProbe:
    return CurlProbe(url, timedelta(seconds=5), "connection", is_trusted=True, connects_within=timedelta(seconds=3))


def prepared_script(host: Host) -> Script:
    """Return the script that prints a change if the host has the keys, images and units that its roles need."""
    desired = {"etcd": f"{PKI}/etcd/peer.key", "control-plane": f"{PKI}/apiserver.key"}
    keys = [desired[role] for role in host.roles if role in desired]
    files = [*keys, f"{SYSTEMD}/kubelet.service"] if host.is_node else keys
    stacks = ["api-proxy", *(role for role in host.roles if role in desired)]
    text = f"""
for file in {shlex.join(files)}; do [ -s "$file" ] || exit 0; done
for stack in {shlex.join(stacks)}; do
  cd {STACKS}/$stack 2>/dev/null || exit 0
  for image in $(sed -n 's/^ *image: *"*\\([^"]*\\)"*$/\\1/p' compose.yaml); do
    docker image inspect "$image" >/dev/null 2>&1 || exit 0
  done
done
echo "{CHANGED}nothing"
"""
    return Script("check-prepared", {"files": tuple(files), "stacks": tuple(stacks)}, text, is_look=True)


def join_script(cluster: str, aside: str) -> Script:
    """Return the script that keeps old data aside (and drops what was kept before) and starts a member that joins."""
    text = f"""set -eu
docker rm -f {CONTAINER} >/dev/null 2>&1 || :
mkdir -p -m 700 {ETCD_DATA}; cd {ETCD_DATA}
if [ -e member ]; then rm -rf {ASIDE}-*; mv member {shlex.quote(aside)}; fi
cd {stack_directory("etcd")}
log=$(mktemp); trap 'rm -f $log' EXIT
export WINDLASS_ETCD_STATE=existing WINDLASS_ETCD_CLUSTER={shlex.quote(cluster)}
if ! docker compose -p windlass-etcd -f compose.yaml up -d >$log 2>&1; then tail -n 3 $log >&2; exit 1; fi
echo "{CHANGED}etcd"
"""
    return Script("join-member", {"cluster": cluster, "aside": aside}, text)
