"""The rendered control plane of one host runs, as it is, with the programs of the mirror."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from windlass.domain.host.layout import ETC
from windlass.domain.pki import files_for
from windlass.domain.rendering import host_stacks, render_manifests
from windlass.domain.spec import Cluster, Host
from windlass.mirror.cache import read_lock
from windlass_lab.admin import admin_kubeconfig

ADDRESS = "192.0.2.11"
MEMBER = {"name": "all-1", "address": ADDRESS, "roles": ["etcd", "control-plane", "worker"]}
EVERYTHING: dict[str, Any] = {
    "loadBalancer": {"driver": "metallb", "addresses": ["192.0.2.100-192.0.2.110"]},
    "monitoring": {"driver": "metrics-server"},
}
PROGRAMS = {
    "etcd": ("etcd", "etcdctl"),
    "kube-apiserver": ("kube-apiserver",),
    "kube-controller-manager": ("kube-controller-manager",),
    "kube-scheduler": ("kube-scheduler",),
    "kube-proxy": ("kube-proxy",),
}
DIRECTORIES = ("dev", "mnt", "proc", "tmp", "work", "run", "var/lib/windlass/etcd", "var/log/windlass/audit")


def build_tree(tree: Path, cluster: Cluster, kit: Any) -> None:
    """Make a host's file system: HAProxy's image, the other programs added, and every file that Windlass writes."""
    release = kit.catalog.release(cluster.spec.kubernetes.version)
    shutil.copytree(kit.unpack("haproxy", release.images["haproxy"]), tree, symlinks=True)
    programs = tree / "usr" / "local" / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    for image, names in PROGRAMS.items():
        shipped = kit.unpack(image, release.images[image]) / "usr" / "local" / "bin"
        for name in names:
            os.link((shipped / name).resolve(strict=True), programs / name)
    shutil.copy(kit.file("kubectl", release.files["kubectl"]), programs / "kubectl")
    (programs / "kubectl").chmod(0o755)
    for directory in DIRECTORIES:
        (tree / directory).mkdir(parents=True, exist_ok=True)
    lay_down(tree, cluster, kit)


def lay_down(tree: Path, cluster: Cluster, kit: Any) -> None:
    host, pki = cluster.spec.hosts.members[0], kit.pki(cluster)
    for path, file in {**kit.files(cluster, host), **files_for(cluster, host, pki)}.items():
        place = tree / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.content)
        place.chmod(file.mode)
    release = kit.catalog.release(cluster.spec.kubernetes.version)
    manifests = render_manifests(cluster, release, read_lock(), kit.mirror)
    documents = [dict(manifest.document) for manifest in manifests]
    (tree / "work" / "manifests.yaml").write_text(yaml.safe_dump_all(documents))
    (tree / "work" / "admin.conf").write_bytes(admin_kubeconfig(pki).reveal_bytes())
    (tree / "work" / "plan.json").write_text(json.dumps(services(tree, cluster, host)))


def services(tree: Path, cluster: Cluster, host: Host) -> dict[str, dict[str, Any]]:
    """Return all services as Compose would run them: the command, and what of Windlass's files is mounted where."""
    found = {}
    for stack in host_stacks(cluster, host):
        compose = yaml.safe_load((tree / f"etc/windlass/stacks/{stack}/compose.yaml").read_text())
        for name, service in compose["services"].items():
            binds = [(one["source"], one["target"]) for one in service["volumes"] if one["type"] == "bind"]
            found[name] = {
                "command": [word.replace("$$", "$") for word in service["entrypoint"] + service["command"]],
                "mounts": [(source, target) for source, target in binds if source.startswith(ETC)],
            }
    return found


@pytest.fixture(scope="module", params=["v1.36.3", "v1.37.2"])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, kit: Any) -> dict[str, Any]:
    tree = tmp_path_factory.mktemp("host") / "tree"
    build_tree(tree, kit.cluster([MEMBER], request.param, **EVERYTHING), kit)
    own = [] if os.geteuid() == 0 else ["--map-root-user"]
    namespaces = ["unshare", *own, "--net", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    script = Path(__file__).with_name("one_host.py")
    ran = subprocess.run(
        [*namespaces, sys.executable, str(script), str(tree), ADDRESS], capture_output=True, text=True, check=False
    )
    logs = {log.name: log.read_text()[-1500:] for log in (tree / "work").glob("*.log")}
    assert ran.returncode == 0, ran.stderr + json.dumps(logs, indent=1)
    answers: dict[str, Any] = json.loads((tree / "work" / "answers.json").read_text())
    assert answers["ready"], json.dumps(logs, indent=1)
    return answers


def test_every_object_is_accepted_by_the_real_api(told: dict[str, Any]) -> None:
    assert told["applied"] == ""


def test_secrets_lie_encrypted_in_etcd(told: dict[str, Any]) -> None:
    assert told["secret"].startswith("k8s:enc:secretbox:v1:")
    assert "in-the-clear" not in told["secret"]


def test_strangers_learn_whether_it_is_healthy_and_nothing_else(told: dict[str, Any]) -> None:
    assert told["anonymous"] == {
        "6443/livez?exclude=etcd": 200,
        "6443/readyz": 200,
        "6443/api": 401,
        "6443/version": 401,
        "10257/healthz": 200,
        "10257/metrics": 403,
        "10259/healthz": 200,
    }


def test_etcd_tells_its_health_to_who_has_a_certificate(told: dict[str, Any]) -> None:
    assert told["etcd_livez"].strip() == "ok"


def test_controller_manager_and_scheduler_lead(told: dict[str, Any]) -> None:
    assert told["leaders"] == ["kube-controller-manager", "kube-scheduler"]


def test_privileged_pods_are_for_the_namespaces_that_say_so(told: dict[str, Any]) -> None:
    assert 'violates PodSecurity "baseline:latest"' in told["privileged pod in default"]
    assert told["privileged pod in kube-flannel"] == ""


def test_the_audit_log_knows_who_made_the_secret_but_not_what_is_in_it(told: dict[str, Any]) -> None:
    assert "in-the-clear" not in told["audit"]
    events = [json.loads(line) for line in told["audit"].splitlines()]
    made = [event for event in events if "/secrets" in event["requestURI"] and event["verb"] == "create"]
    assert {event["user"]["username"] for event in made} == {"windlass"}


def test_kube_proxy_reads_its_configuration(told: dict[str, Any]) -> None:
    assert told["kube-proxy"] == ""
