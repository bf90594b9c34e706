"""Run inside namespaces of its own: the rendered control plane of one host, and questions to it.

Usage: one_host.py TREE ADDRESS. TREE is a root file system with all programs in it, and `work/plan.json`. The answers
go to `work/answers.json`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

READY_SECONDS = 120
CURL = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}"]
PRIVILEGED_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "strong"},
    "spec": {"containers": [{"name": "a", "image": "a", "securityContext": {"privileged": True}}]},
}


ETC = "/etc/windlass"
AS_MOUNTED = f"""tree=$1 && shift
mount --bind "$tree{ETC}" "$tree/mnt"
mount -t tmpfs tmpfs "$tree{ETC}"
while [ "$1" != -- ]; do
  source="$tree/mnt${{1#{ETC}}}" target="$tree$2" && shift 2
  if [ -d "$source" ]; then mkdir -p "$target"; else mkdir -p "${{target%/*}}" && : >"$target"; fi
  mount --bind "$source" "$target"
done
shift
umount "$tree/mnt"
exec chroot "$tree" "$@"
"""
"""Mounts parts of the tree as a container has them: the tree, then sources and targets in pairs, then the command."""


class OneHost:
    """The host: its file system, its address, and what runs on it."""

    def __init__(self, tree: Path, address: str) -> None:
        self.tree = tree
        self.address = address
        self.work = tree / "work"

    def prepare(self) -> None:
        for command in (
            ["ip", "link", "set", "lo", "up"],
            ["ip", "addr", "add", f"{self.address}/32", "dev", "lo"],
            ["mount", "-t", "proc", "proc", str(self.tree / "proc")],
            ["mount", "--rbind", "/dev", str(self.tree / "dev")],
        ):
            subprocess.run(command, check=True)

    def start(self, name: str, service: dict[str, Any]) -> subprocess.Popen[bytes]:
        """Start a service that sees of Windlass's files what its container would: what is mounted there, no more."""
        mounts = [word for mount in service["mounts"] for word in mount]
        words = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", AS_MOUNTED, "sh", str(self.tree)]
        with (self.work / f"{name}.log").open("wb") as log:
            return subprocess.Popen([*words, *mounts, "--", *service["command"]], stdout=log, stderr=log)

    def run(self, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        command = ["chroot", str(self.tree), *words]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)

    def kubectl(self, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return self.run("kubectl", "--kubeconfig", "/work/admin.conf", *words, stdin=stdin)

    def wait_until_ready(self) -> bool:
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            if self.kubectl("get", "--raw", "/readyz").stdout == "ok":
                return True
            time.sleep(0.2)
        return False

    def apply(self) -> str:
        """Apply all manifests, again while kinds that they define are not known yet."""
        end = time.monotonic() + READY_SECONDS
        while True:
            done = self.kubectl(
                "apply", "--server-side", "--field-manager=windlass", "--validate=strict", "-f", "/work/manifests.yaml"
            )
            if done.returncode == 0 or "ensure CRDs are installed first" not in done.stderr or time.monotonic() > end:
                return done.stderr
            time.sleep(0.5)

    def status(self, url: str) -> int:
        command = [*CURL, "--cacert", str(self.tree / "etc/windlass/pki/ca.crt"), f"https://{self.address}:{url}"]
        return int(subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout)

    def etcd(self, key: str) -> str:
        pki = "/etc/windlass/pki/etcd"
        keys = ["--cacert", f"{pki}/ca.crt", "--cert", f"{pki}/health.crt", "--key", f"{pki}/health.key"]
        found = self.run("etcdctl", *keys, "get", "--print-value-only", "--hex", key)
        return bytes.fromhex(found.stdout.strip().replace("\\x", "")).decode(errors="replace")

    def etcd_livez(self) -> str:
        pki = self.tree / "etc/windlass/pki/etcd"
        files = ["--cacert", pki / "ca.crt", "--cert", pki / "health.crt", "--key", pki / "health.key"]
        command = ["curl", "-s", *map(str, files), f"https://{self.address}:2381/livez"]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout

    def try_pod(self, namespace: str, pod: dict[str, Any]) -> str:
        """Return what the API has against `pod`, once the namespace has the account that pods run as."""
        end = time.monotonic() + READY_SECONDS
        words = ("create", "-n", namespace, "--dry-run=server", "-f", "-")
        while True:
            told = self.kubectl(*words, stdin=json.dumps(pod)).stderr
            if "error looking up service account" not in told or time.monotonic() > end:
                return told
            time.sleep(0.2)

    def leaders(self) -> list[str]:
        end = time.monotonic() + READY_SECONDS
        names: list[str] = []
        while len(names) < 2 and time.monotonic() < end:
            leases = json.loads(self.kubectl("get", "leases", "-n", "kube-system", "-o", "json").stdout)["items"]
            held = [item["metadata"]["name"] for item in leases if item["spec"].get("holderIdentity")]
            names = sorted(name for name in held if name.startswith("kube-"))
            time.sleep(0.2)
        return names


def answers(host: OneHost) -> dict[str, Any]:
    """Ask all there is to know; the test judges."""
    told: dict[str, Any] = {"ready": host.wait_until_ready()}
    if not told["ready"]:
        return told
    told["applied"] = host.apply()
    host.kubectl("create", "secret", "generic", "seen", "--from-literal=password=in-the-clear")
    told["secret"] = host.etcd("/registry/secrets/default/seen")
    paths = ("6443/livez?exclude=etcd", "6443/readyz", "6443/api", "6443/version")
    told["anonymous"] = {
        path: host.status(path) for path in (*paths, "10257/healthz", "10257/metrics", "10259/healthz")
    }
    told["etcd_livez"] = host.etcd_livez()
    told["leaders"] = host.leaders()
    for namespace in ("default", "kube-flannel"):
        told[f"privileged pod in {namespace}"] = host.try_pod(namespace, PRIVILEGED_POD)
    told["audit"] = (host.tree / "var/log/windlass/audit/audit.log").read_text()
    proxy = host.kubectl("get", "configmap", "-n", "kube-system", "kube-proxy", "-o", "jsonpath={.data.config\\.yaml}")
    (host.work / "proxy.yaml").write_text(proxy.stdout)
    checked = host.run("kube-proxy", "--config=/work/proxy.yaml", "--write-config-to=/work/proxy-read.yaml")
    told["kube-proxy"] = checked.stderr if checked.returncode else ""
    return told


def main() -> None:
    """Start everything, ask, write the answers down. All ends with the namespace."""
    host = OneHost(Path(sys.argv[1]), sys.argv[2])
    host.prepare()
    plan = json.loads((host.work / "plan.json").read_text())
    processes = [host.start(name, service) for name, service in plan.items()]
    (host.work / "answers.json").write_text(json.dumps(answers(host)))
    for process in reversed(processes):
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
