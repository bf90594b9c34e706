"""A pod with users of its own: root inside is nobody outside."""

from __future__ import annotations

from datetime import timedelta

from e2e.clients import toolbox
from e2e.ground import Ground, wait_for
from windlass.errors import CommandError

_POD = """
apiVersion: v1
kind: Pod
metadata: {name: apart, namespace: default}
spec:
  hostUsers: false
  restartPolicy: Never
  nodeName: NODE
  containers:
    - name: apart
      image: IMAGE
      command: [sh, -c, "cat /proc/self/uid_map"]
"""


def users_of_a_pod(ground: Ground, via: str, node: str, within: timedelta = timedelta(minutes=2)) -> tuple[int, int]:
    """Run a pod with `hostUsers: false` on a node; return the id that root has inside, and the one outside."""
    pod = _POD.replace("NODE", node).replace("IMAGE", toolbox(ground))
    ground.as_admin(via, f"kubectl apply -f - <<'END'\n{pod}END\n")
    try:
        wait_for(lambda: _has_ended(ground, via), f"a pod with hostUsers: false on {node}", within)
        inside, outside = ground.kubectl(via, "logs", "apart").split()[:2]
    finally:
        ground.kubectl(via, "delete", "pod", "apart", "--now")
    return int(inside), int(outside)


def _has_ended(ground: Ground, via: str) -> bool:
    try:
        return ground.kubectl(via, "get", "pod", "apart", "-o", "jsonpath={.status.phase}") == "Succeeded"
    except CommandError:
        # An API server on a slow machine may need longer than kubectl waits.
        return False
