"""Hosts that fetch from the publishers themselves: the installing script runs for real against the stand-in."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from windlass.domain.artifacts import Artifact, lock_text, parse_lock
from windlass.domain.catalog import Release
from windlass.domain.rendering.installs import Install
from windlass.domain.scripts import install as scripts_install
from windlass.domain.scripts.install import WRONG_CHECKSUM, install_script
from windlass.domain.scripts.script import changes_of
from windlass.effects.catalog import load_catalog
from windlass.errors import IntegrityError, SpecError, WindlassError
from windlass.mirror.download import RetryPolicy
from windlass.mirror.official_catalog import OfficialCatalog
from windlass.mirror.published import official_addresses, published_lock, release_artifacts

if TYPE_CHECKING:
    from tests.unit.mirror_official.conftest import Publishers

SHIPPED = Path(__file__).parents[3] / "include" / "templates" / "kubernetes"
QUICK = RetryPolicy(attempts=1, first_wait=timedelta(milliseconds=1), longest_wait=timedelta(milliseconds=1))
KUBELET = Artifact("file", "kubelet", "v1.37.2")
FLANNEL = Artifact("file", "cni-plugin-flannel", "v1.9.1")
APISERVER = Artifact("image", "kube-apiserver", "v1.37.2")
KUBELET_PATH = "/release/v1.37.2/bin/linux/amd64/kubelet"
FLANNEL_PATH = (
    "/flannel-io/cni-plugin/releases/download/v1.9.1-flannel1/cni-plugin-flannel-linux-amd64-v1.9.1-flannel1.tgz"
)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def archive(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as opened:
        for name, content in members.items():
            member = tarfile.TarInfo(name.replace("_", "-"))
            member.size, member.mode = len(content), 0o755
            opened.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def release() -> Release:
    return load_catalog(SHIPPED).release("v1.37.2")


@pytest.fixture
def published(publishers: Publishers) -> Publishers:
    plugin = archive(flannel_amd64=b"#!/bin/sh\necho plugin\n", LICENSE=b"free")
    for path, content in {KUBELET_PATH: b"kubelet", FLANNEL_PATH: plugin}.items():
        publishers.publish(path, content)
        publishers.publish(f"{path}.sha256", f"{sha256(content)}  {path.rpartition('/')[2]}\n".encode())
    publishers.publish_image("kube-apiserver", "v1.37.2")
    return publishers


def test_every_artifact_of_a_release_is_published_somewhere(release: Release, catalog: OfficialCatalog) -> None:
    drivers = release.drivers.loaded.values()
    artifacts = release_artifacts(release, release.stacks, drivers=drivers)
    addresses = official_addresses(catalog, artifacts)
    assert {name for driver in drivers for name in driver.brought} <= {one.name for one in artifacts}
    for image in (one for one in artifacts if one.kind == "image"):
        assert addresses.image(image, "sha256:1").endswith("@sha256:1")
    with pytest.raises(SpecError, match="nobody says where it is published"):
        addresses.download(Artifact("file", "docker-engine", "v20.10.24"))


def test_nobody_is_asked_for_the_image_of_a_stack_that_no_spec_picks(release: Release) -> None:
    keepalived = Artifact("image", "keepalived", "v2.2.7")
    assert keepalived not in release_artifacts(release, ["edge-proxy"])
    assert keepalived in release_artifacts(release, ["virtual-address"])


def test_the_images_of_a_driver_are_asked_for_where_it_is_picked(release: Release) -> None:
    policies = Artifact("image", "kube-network-policies", "v0.8.0")
    assert policies not in release_artifacts(release, [])
    assert policies in release_artifacts(release, [], drivers=[release.drivers.driver("policy", policies.name)])


def test_digests_are_what_the_publishers_say(published: Publishers, catalog: OfficialCatalog) -> None:
    lock = published_lock(catalog, [KUBELET, APISERVER], QUICK)
    assert lock.digest(KUBELET) == f"sha256:{sha256(b'kubelet')}"
    index = published.resources["/v2/kube-apiserver/manifests/v1.37.2"].content
    assert lock.digest(APISERVER) == f"sha256:{sha256(index)}"
    assert parse_lock(lock_text(lock)) == lock
    assert [seen.path for seen in published.seen if seen.path == KUBELET_PATH] == []


def test_an_image_whose_digest_is_another_than_its_registry_says_is_refused(
    published: Publishers, catalog: OfficialCatalog
) -> None:
    published.resources["/v2/kube-apiserver/manifests/v1.37.2"].content += b" "
    with pytest.raises(IntegrityError, match="should have the digest"):
        published_lock(catalog, [APISERVER], QUICK)


def test_what_is_not_published_is_named(publishers: Publishers, catalog: OfficialCatalog) -> None:
    with pytest.raises(WindlassError, match="kubelet"):
        published_lock(catalog, [KUBELET], QUICK)


def install(root: Path, catalog: OfficialCatalog) -> subprocess.CompletedProcess[str]:
    artifacts = [KUBELET, FLANNEL]
    wanted = [Install(KUBELET, (("", f"{root}/bin/kubelet"),)), Install(FLANNEL, (("", f"{root}/bin/flannel"),))]
    lock = published_lock(catalog, artifacts, QUICK)
    script = install_script(wanted, lock, official_addresses(catalog, artifacts)).text
    return subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    prelude = scripts_install._PRELUDE.replace(scripts_install.ARTIFACTS, f"{tmp_path}/artifacts")
    monkeypatch.setattr(scripts_install, "_PRELUDE", prelude)
    monkeypatch.setattr(scripts_install, "ARTIFACTS", f"{tmp_path}/artifacts")
    return tmp_path


def test_a_host_installs_from_the_publishers(published: Publishers, catalog: OfficialCatalog, root: Path) -> None:
    done = install(root, catalog)
    assert done.returncode == 0, done.stderr
    assert (root / "bin" / "kubelet").read_bytes() == b"kubelet"
    assert "echo plugin" in (root / "bin" / "flannel").read_text()
    assert changes_of(install(root, catalog).stdout) == ()


def test_a_host_refuses_what_is_not_what_its_publisher_promised(
    published: Publishers, catalog: OfficialCatalog, root: Path
) -> None:
    published.resources[KUBELET_PATH].content = b"tampered"
    done = install(root, catalog)
    assert done.returncode == WRONG_CHECKSUM
    assert "kubelet" in done.stderr
    assert not (root / "bin" / "kubelet").exists()
