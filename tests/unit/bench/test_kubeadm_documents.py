"""What the kubeadm twin gives to kubeadm and to its hosts."""

from __future__ import annotations

from bench.kubeadm_config import Node, Secrets, init_documents, join_documents
from bench.kubeadm_host import Mirror, Versions, prepare
from bench.kubeadm_network import flannel

from windlass.domain.artifacts import Artifact, Lock, Locked

MIRROR = Mirror("http://192.0.2.2:8080", "192.0.2.3:5000")
FIRST = Node("cp-1", "192.0.2.11", has_cgroup_v1=True)
SECOND = Node("cp-2", "192.0.2.12", has_cgroup_v1=True)


def by_kind(documents: list[dict[str, object]]) -> dict[object, dict[str, object]]:
    return {document["kind"]: document for document in documents}


def test_all_images_come_from_the_mirror_at_the_catalogs_versions() -> None:
    cluster = by_kind(init_documents(FIRST, MIRROR, Versions(), Secrets()))["ClusterConfiguration"]
    assert cluster["imageRepository"] == "192.0.2.3:5000/windlass"
    assert cluster["etcd"] == {"local": {"imageTag": "v3.7.3"}}
    assert cluster["dns"] == {"imageTag": "v1.14.7"}
    assert cluster["kubernetesVersion"] == "v1.37.2"


def test_kubeadm_knows_coredns_by_the_tag_that_it_is_given() -> None:
    versions = Versions(coredns_tag="v1.14.6")
    cluster = by_kind(init_documents(FIRST, MIRROR, versions, Secrets()))["ClusterConfiguration"]
    assert cluster["dns"] == {"imageTag": "v1.14.6"}
    host = OneHost()
    prepare(host, MIRROR, _lock(), versions, control_plane=False)  # type: ignore[arg-type]  # only two calls are made
    (tagged,) = [line for line in host.script.splitlines() if "tag --force" in line and "coredns" in line]
    assert "windlass/coredns:v1.14.7 192.0.2.3:5000/windlass/coredns:v1.14.6" in tagged


def test_only_a_host_on_cgroup_v1_is_told_so() -> None:
    other = Node("cp-1", "192.0.2.11", has_cgroup_v1=False)
    documents = [by_kind(init_documents(node, MIRROR, Versions(), Secrets())) for node in (FIRST, other)]
    assert documents[0]["KubeletConfiguration"]["failCgroupV1"] is False
    assert "failCgroupV1" not in documents[1]["KubeletConfiguration"]


def test_a_control_plane_joins_with_the_certificate_key_and_a_worker_without() -> None:
    known = Secrets()
    control_plane = join_documents(SECOND, FIRST, known, "ab", control_plane=True)[0]
    worker = join_documents(SECOND, FIRST, known, "ab", control_plane=False)[0]
    assert control_plane["controlPlane"]["certificateKey"] == known.certificate_key
    assert "controlPlane" not in worker
    assert worker["discovery"]["bootstrapToken"]["caCertHashes"] == ["sha256:ab"]


def test_secrets_are_new_each_time_and_not_shown() -> None:
    one, other = Secrets(), Secrets()
    assert one.token != other.token
    assert one.token not in repr(one)
    assert one.certificate_key not in repr(one)


def test_flannel_runs_from_the_mirror_on_every_node() -> None:
    daemon = flannel(MIRROR, Versions())[-1]
    pod = daemon["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "192.0.2.3:5000/windlass/flannel:v0.28.10"
    assert pod["tolerations"] == [{"operator": "Exists"}]


class OneHost:
    """Takes what it is given."""

    host = "cp-1"

    def __init__(self) -> None:
        self.files: dict[str, object] = {}
        self.script = ""

    def put_tree(self, path: str, files: dict[str, object]) -> None:
        self.files |= {path + name: file for name, file in files.items()}

    def run(self, argv: list[str], *, stdin: bytes, **options: object) -> None:
        self.script = stdin.decode()


def _lock() -> Lock:
    names = ("kubelet", "kubeadm", "kubectl", "runc", "containerd", "cni-plugins", "cni-plugin-flannel")
    versions = {"runc": "v1.5.3", "containerd": "v2.4.2", "cni-plugins": "v1.9.1", "cni-plugin-flannel": "v1.9.1"}
    locked = Locked("sha256:" + "12" * 32, 1, "build")
    return Lock("modules", {Artifact("file", name, versions.get(name, "v1.37.2")): locked for name in names})


def test_a_worker_pulls_no_control_plane_images() -> None:
    worker, control_plane = OneHost(), OneHost()
    prepare(worker, MIRROR, _lock(), Versions(), control_plane=False)  # type: ignore[arg-type]  # only two calls are made
    prepare(control_plane, MIRROR, _lock(), Versions(), control_plane=True)  # type: ignore[arg-type]  # the same
    assert "windlass/etcd:v3.7.3" in control_plane.script
    assert "windlass/etcd" not in worker.script
    assert "windlass/flannel:v0.28.10" in worker.script


def test_every_file_is_checked_against_the_lock_before_it_is_used() -> None:
    host = OneHost()
    prepare(host, MIRROR, _lock(), Versions(), control_plane=False)  # type: ignore[arg-type]  # only two calls are made
    fetches = [line for line in host.script.splitlines() if line.startswith("fetch http")]
    assert len(fetches) == 7
    assert all(line.endswith(" " + "12" * 32) for line in fetches)
    assert "sha256sum --check" in host.script
