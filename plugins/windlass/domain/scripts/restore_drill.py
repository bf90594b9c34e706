"""How a bundle is tried: a throwaway etcd and API server on one host, cut off from every network.

Both share one network namespace that has only a loopback device, so that what is restored can reach nothing: neither
the cluster it is a copy of, nor webhooks, nor kubelets. They have certificates of their own, made for the drill; of the
bundle's keys only those of Secrets at rest are written, since without them nothing could be read.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from windlass.domain.addresses import family
from windlass.domain.backup.state import BundleState
from windlass.domain.host.layout import (
    API_PORT,
    API_SERVER_NAME,
    DRILL_LABEL,
    DRILLS,
    ENCRYPTION_CONFIG,
    ETC,
    ETCD_CLIENT_PORT,
    ETCD_PEER_PORT,
    PKI,
)
from windlass.domain.pki import SUPER_ADMIN, Pki, files_for, issue_pki
from windlass.domain.scripts.curl import CurlProbe
from windlass.domain.scripts.isolated_api import ETCD
from windlass.domain.scripts.script import Script
from windlass.domain.spec import Cluster, load_cluster
from windlass.domain.spec.flags import etcd_prefix, own_issuer

API = "windlass-drill-apiserver"
ENCRYPTED = "k8s:enc:"
"""How the value of a Secret begins in etcd if it is encrypted there."""
_NAME = "drill"
_NOBODY = {4: "192.0.2.1", 6: "2001:db8::1"}
"""What the API server calls its own address, which must be of its services' family: nobody is told."""
_CLIENT = f"https://127.0.0.1:{ETCD_CLIENT_PORT}"
_PEER = f"https://127.0.0.1:{ETCD_PEER_PORT}"
_GIB = 2**30
_FIELDS = "--write-out=fields"
_HASH_LIMIT = "4m"  # etcdctl's own is 5 s, which the database of a large cluster takes longer than
_TLS = {
    "cert-file": f"{PKI}/etcd/server.crt",
    "key-file": f"{PKI}/etcd/server.key",
    "trusted-ca-file": f"{PKI}/etcd/ca.crt",
    "client-cert-auth": "true",
    "peer-cert-file": f"{PKI}/etcd/peer.crt",
    "peer-key-file": f"{PKI}/etcd/peer.key",
    "peer-trusted-ca-file": f"{PKI}/etcd/ca.crt",
    "peer-client-cert-auth": "true",
}


@dataclass(frozen=True)
class Images:
    """What the drill runs, as the host names it: those of the versions that the bundle was taken from."""

    etcd: str
    api_server: str


@dataclass(frozen=True)
class DrillPlan:
    """The files and commands of one drill."""

    id: str
    images: Images
    database_bytes: int
    service_ranges: tuple[str, ...]
    issuer: str
    """Who signs the tokens of service accounts where nobody else is named."""
    prefix: str
    """Below which key the cluster's API servers keep everything."""
    files: Mapping[str, bytes]
    """By path below the drill's directory; all of them are for root alone."""

    @property
    def directory(self) -> str:
        """Where everything of this drill lies on the host."""
        return f"{DRILLS}/{self.id}"

    @property
    def pki(self) -> str:
        """Where the certificates lie on the host by which the servers are asked."""
        return f"{self.directory}/etc/pki"

    @property
    def snapshot(self) -> str:
        """Where the snapshot lies on the host, and in the containers."""
        return f"{self.directory}/snapshot.db"

    @property
    def needed_bytes(self) -> int:
        """How much room the host must have: the snapshot, the restored database, and a log."""
        return 2 * self.database_bytes + _GIB

    def tool(self, *words: str) -> list[str]:
        """Return the command that runs etcdutl on the drill's files."""
        return [
            *self._run("--rm", memory=self.database_bytes + _GIB),
            "--entrypoint",
            "etcdutl",
            self.images.etcd,
            *words,
        ]

    def status(self) -> list[str]:
        """Return the command that tells what is in the snapshot, after checking its sum."""
        return self.tool("snapshot", "status", self.snapshot, "--write-out=json")

    def restore(self) -> list[str]:
        """Return the command that restores the snapshot, its revision as it is."""
        flags = {"data-dir": f"{self.directory}/data", "name": _NAME, "initial-advertise-peer-urls": _PEER}
        flags["initial-cluster"] = f"{_NAME}={_PEER}"
        return self.tool("snapshot", "restore", self.snapshot, *_flags(flags))

    def start_etcd(self) -> list[str]:
        """Return the command that starts etcd on what was restored."""
        flags = {
            "name": _NAME,
            "data-dir": f"{self.directory}/data",
            "listen-client-urls": _CLIENT,
            "advertise-client-urls": _CLIENT,
            "listen-peer-urls": _PEER,
            "initial-advertise-peer-urls": _PEER,
            "initial-cluster": f"{_NAME}={_PEER}",
            "quota-backend-bytes": str(2 * self.database_bytes + _GIB),
            "unsafe-no-fsync": "true",  # nothing here is to last, and the members beside it need the disk
            **_TLS,
        }
        memory = 3 * self.database_bytes + _GIB
        return [*self._start(ETCD, "none", memory), "--entrypoint", "etcd", self.images.etcd, *_flags(flags)]

    def start_api_server(self) -> list[str]:
        """Return the command that starts an API server on that etcd."""
        flags = {
            "etcd-servers": _CLIENT,
            "etcd-prefix": self.prefix,
            "etcd-cafile": f"{PKI}/etcd/ca.crt",
            "etcd-certfile": f"{PKI}/etcd/apiserver-client.crt",
            "etcd-keyfile": f"{PKI}/etcd/apiserver-client.key",
            "bind-address": "127.0.0.1",
            "advertise-address": _NOBODY[family(self.service_ranges[0])],
            "endpoint-reconciler-type": "none",
            "service-cluster-ip-range": ",".join(self.service_ranges),
            "service-account-issuer": self.issuer,
            "service-account-signing-key-file": f"{PKI}/service-account.key",
            "service-account-key-file": f"{PKI}/service-account.pub",
            "client-ca-file": f"{PKI}/ca.crt",
            "tls-cert-file": f"{PKI}/apiserver.crt",
            "tls-private-key-file": f"{PKI}/apiserver.key",
            "encryption-provider-config": ENCRYPTION_CONFIG,
            "authorization-mode": "RBAC",
            # As that of the cluster has it; what is written back by way of trial is validated by it.
            "allow-privileged": "true",
            "anonymous-auth": "false",
            # Webhooks of the cluster cannot be reached from here, and would refuse what the API server itself writes.
            "disable-admission-plugins": "MutatingAdmissionWebhook,ValidatingAdmissionWebhook",
            "watch-cache": "false",
            "profiling": "false",
        }
        memory = 2 * self.database_bytes + 2 * _GIB
        command = [*self._start(API, f"container:{ETCD}", memory), "--tmpfs", "/tmp"]  # noqa: S108 (the container's own)
        return [*command, "--entrypoint", "kube-apiserver", self.images.api_server, *_flags(flags)]

    def etcdctl(self, *words: str) -> list[str]:
        """Return the command that asks the throwaway etcd."""
        flags = {"endpoints": _CLIENT, "cacert": f"{PKI}/etcd/ca.crt"}
        flags |= {"cert": f"{PKI}/etcd/apiserver-client.crt", "key": f"{PKI}/etcd/apiserver-client.key"}
        return ["docker", "exec", ETCD, "etcdctl", *_flags(flags), *words]

    def count(self, revision: int) -> list[str]:
        """Return the command that tells the newest revision, and how many keys lived at `revision`."""
        return self.etcdctl("get", "", "--prefix", "--count-only", f"--rev={revision}", _FIELDS)

    def hash(self, revision: int) -> list[str]:
        """Return the command that hashes all keys up to `revision`: whatever was written since does not matter.

        `etcdutl hashkv` would hash the file without a server, but that of etcd 3.6 panics on the first key that has
        a lease ("no lessor to attach lease": it opens the store with none, server/storage/mvcc/kvstore.go), and every
        cluster of Kubernetes has such keys: https://github.com/etcd-io/etcd/issues/21105. HashKV is the same in all
        releases.
        """
        return self.etcdctl("endpoint", "hashkv", f"--rev={revision}", f"--command-timeout={_HASH_LIMIT}", _FIELDS)

    def ask_api(self, path: str) -> Script:
        """Return the script that asks the throwaway API server, from within its own network."""
        pki = self.pki
        # Of Secrets the API server must decrypt what it returns; that it gives of them is only the metadata.
        metadata = "Accept: application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1, application/json"
        probe = CurlProbe(
            f"https://127.0.0.1:{API_PORT}{path}",
            timedelta(seconds=20),
            "success or why",
            ca=f"{pki}/ca.crt",
            server_name=API_SERVER_NAME,
            client=f"{pki}/client",
            others=("-H", metadata),
        )
        text = f"exec nsenter --net=/proc/$(docker inspect -f '{{{{.State.Pid}}}}' {ETCD})/ns/net {probe}\n"
        return Script("ask-drill-api", {"path": path}, text, is_look=True)

    def receive(self) -> Script:
        """Return the script that takes the snapshot from its standard input, into a file for root alone."""
        return Script(
            "receive-drill-snapshot", {"path": self.snapshot}, f"umask 077; exec cat >{shlex.quote(self.snapshot)}"
        )

    def stored_secret(self, key: str, revision: int) -> Script:
        """Return the script that shows how the value at `key` begins; the rest is nobody's business."""
        stored = shlex.join(self.etcdctl("get", key, "--print-value-only", f"--rev={revision}"))
        arguments = {"key": key, "revision": revision}
        return Script("show-stored-secret", arguments, f"{stored} | head -c {len(ENCRYPTED)}\n", is_look=True)

    def _run(self, *words: str, memory: int) -> list[str]:
        return [
            *("docker", "run", *words, "--label", f"{DRILL_LABEL}={self.id}", "--read-only", "--cap-drop", "ALL"),
            *("--security-opt", "no-new-privileges:true", "--cpus", "1", "--memory", str(memory)),
            *("--log-opt", "max-size=5m", "--pids-limit", "2048"),
            *("--volume", f"{self.directory}:{self.directory}"),
            *(("--network", "none") if "--rm" in words else ()),
        ]

    def _start(self, name: str, network: str, memory: int) -> list[str]:
        run = self._run("--detach", "--name", name, "--network", network, memory=memory)
        return [*run, "--volume", f"{self.directory}/etc:{ETC}:ro"]


def plan_drill(drill: str, images: Images, database_bytes: int, state: BundleState, now: datetime) -> DrillPlan:
    """Return what a drill writes and runs; only the keys in it are random."""
    of_bundle = load_cluster(state.spec, "spec in the bundle")
    spec = of_bundle.spec
    cluster = _throwaway(spec.kubernetes.version)
    pki = issue_pki(cluster, now)
    files = {"etc/encryption.yaml": state.encryption_config.reveal_bytes(), **_client(pki)}
    for path, file in files_for(cluster, cluster.spec.hosts.members[0], pki).items():
        if path.startswith(f"{PKI}/"):
            files[f"etc/{path.removeprefix(f'{ETC}/')}"] = file.content
    ranges, issuer = spec.network.service_ranges, own_issuer(of_bundle)
    return DrillPlan(drill, images, database_bytes, ranges, issuer, etcd_prefix(of_bundle), files)


def cleanup_script() -> Script:
    """Return the script that removes every trace of drills from a host."""
    text = f"""
docker ps --all --quiet --filter label={DRILL_LABEL} | xargs -r docker rm --force --volumes >/dev/null
rm -rf {DRILLS}
"""
    return Script("remove-drills", {}, text)


def _client(pki: Pki) -> dict[str, bytes]:
    leaf = pki.leaves[SUPER_ADMIN]
    return {"etc/pki/client.crt": leaf.certificate.encode(), "etc/pki/client.key": leaf.key.reveal_bytes()}


def _throwaway(version: str) -> Cluster:
    member = {"name": _NAME, "address": "127.0.0.1", "roles": ["etcd", "control-plane"]}
    spec = {"kubernetes": {"version": version}, "hosts": {"members": [member]}}
    return Cluster.model_validate(
        {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": _NAME}, "spec": spec}
    )


def _flags(flags: Mapping[str, str]) -> Sequence[str]:
    return [f"--{name}={value}" for name, value in flags.items()]
