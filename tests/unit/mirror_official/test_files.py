"""Files of the source `official`: checked against the publisher's sums, resumed, locked."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from windlass.domain.artifacts import Artifact
from windlass.errors import IntegrityError, UnreachableError, WindlassError
from windlass.mirror.official import OfficialSource
from windlass.mirror.official_catalog import FilePublication, OfficialCatalog
from windlass.mirror.places import needed_artifacts

if TYPE_CHECKING:
    from tests.unit.mirror_official.conftest import Heard, Publishers, Resource

KUBELET = Artifact("file", "kubelet", "v1.37.2")
KUBELET_PATH = "/release/v1.37.2/bin/linux/amd64/kubelet"
CONTAINERD = Artifact("file", "containerd", "v2.4.2")
CONTAINERD_PATH = "/containerd/containerd/releases/download/v2.4.2/containerd-2.4.2-linux-amd64.tar.gz"
RUNC = Artifact("file", "runc", "v1.1.5")
RUNC_PATH = "/opencontainers/runc/releases/download/v1.1.5/runc.amd64"
CONTENT = b"kubelet" * 20000


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def published(publishers: Publishers) -> Resource:
    publishers.publish(f"{KUBELET_PATH}.sha256", sha256(CONTENT).encode())
    return publishers.publish(KUBELET_PATH, CONTENT)


def test_a_kubernetes_binary_is_checked_against_its_sum(
    published: Resource, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    produced = make_source().produce(KUBELET, into, progress)
    assert produced.path.read_bytes() == CONTENT
    assert produced.origin == "publisher"
    assert progress.bytes_done[-1] == len(CONTENT)


def test_a_release_download_is_found_among_the_lines_of_a_sum_file(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    sums = f"{'0' * 64}  containerd-2.4.2-linux-arm64.tar.gz\n{sha256(CONTENT)}  containerd-2.4.2-linux-amd64.tar.gz\n"
    publishers.publish(f"{CONTAINERD_PATH}.sha256sum", sums.encode())
    publishers.publish(CONTAINERD_PATH, CONTENT)
    assert make_source().produce(CONTAINERD, into, progress).path.read_bytes() == CONTENT


def test_a_redirect_to_where_releases_are_stored_is_followed(
    publishers: Publishers, published: Resource, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    publishers.publish("/elsewhere", CONTENT)
    published.redirect = f"{publishers.url}/elsewhere"
    assert make_source().produce(KUBELET, into, progress).path.read_bytes() == CONTENT


def test_a_wrong_checksum_says_where_and_what_and_keeps_nothing(
    publishers: Publishers,
    published: Resource,
    make_source: Callable[..., OfficialSource],
    into: Path,
    progress: Heard,
    tmp_path: Path,
) -> None:
    published.content = b"not what was promised"
    with pytest.raises(IntegrityError) as caught:
        make_source().produce(KUBELET, into, progress)
    for part in (f"{publishers.url}{KUBELET_PATH}", sha256(CONTENT), sha256(published.content)):
        assert part in str(caught.value)
    left = [path for path in (tmp_path / "downloads").rglob("*") if path.is_file()]
    assert left == []
    assert list(into.iterdir()) == []


def test_a_sum_file_without_the_download_is_refused(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    publishers.publish(f"{CONTAINERD_PATH}.sha256sum", f"{'0' * 64}  other.tar.gz\n".encode())
    publishers.publish(CONTAINERD_PATH, CONTENT)
    with pytest.raises(IntegrityError, match=r"lists no SHA-256 for `containerd-2.4.2-linux-amd64.tar.gz`"):
        make_source().produce(CONTAINERD, into, progress)
    assert publishers.requests(CONTAINERD_PATH) == []


def test_a_download_that_breaks_off_is_continued(
    publishers: Publishers, published: Resource, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    published.cut_after = [100, 50]
    assert make_source().produce(KUBELET, into, progress).path.read_bytes() == CONTENT
    ranges = [seen.headers.get("Range") for seen in publishers.requests(KUBELET_PATH)]
    assert ranges == [None, "bytes=100-", "bytes=150-"]


def test_a_later_run_continues_what_an_earlier_one_left(
    publishers: Publishers, published: Resource, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    published.cut_after = [100, 100, 100]
    with pytest.raises(UnreachableError, match="gave up after 3 attempts"):
        make_source().produce(KUBELET, into, progress)
    assert make_source().produce(KUBELET, into, progress).path.read_bytes() == CONTENT
    assert publishers.requests(KUBELET_PATH)[-1].headers["Range"] == "bytes=300-"


def test_a_file_that_changed_meanwhile_is_not_glued_together(
    publishers: Publishers,
    catalog: OfficialCatalog,
    make_source: Callable[..., OfficialSource],
    into: Path,
    progress: Heard,
) -> None:
    unsigned = replace(catalog.files["runc"], checksum=None)
    source = replace(make_source(), catalog=replace(catalog, files={**catalog.files, "runc": unsigned}))
    resource = publishers.publish(RUNC_PATH, CONTENT, cut_after=[100, 100, 100])
    with pytest.raises(UnreachableError):
        source.produce(RUNC, into, progress)
    publishers.publish(RUNC_PATH, b"n" * len(resource.content))
    assert source.produce(RUNC, into, progress).path.read_bytes() == b"n" * len(resource.content)
    assert "If-Range" in publishers.requests(RUNC_PATH)[-1].headers


def test_without_sum_and_without_validator_nothing_is_continued(
    publishers: Publishers,
    catalog: OfficialCatalog,
    make_source: Callable[..., OfficialSource],
    into: Path,
    progress: Heard,
) -> None:
    unsigned = replace(catalog.files["runc"], checksum=None)
    source = replace(make_source(), catalog=replace(catalog, files={**catalog.files, "runc": unsigned}))
    publishers.publish(RUNC_PATH, CONTENT, cut_after=[100], headers={})
    assert source.produce(RUNC, into, progress).path.read_bytes() == CONTENT
    assert [seen.headers.get("Range") for seen in publishers.requests(RUNC_PATH)] == [None, None]


def test_a_spoilt_partial_download_is_fetched_again(
    publishers: Publishers,
    published: Resource,
    make_source: Callable[..., OfficialSource],
    into: Path,
    progress: Heard,
    tmp_path: Path,
) -> None:
    published.cut_after = [100, 100, 100]
    with pytest.raises(UnreachableError):
        make_source().produce(KUBELET, into, progress)
    (partial,) = (tmp_path / "downloads").rglob("*.part")
    partial.write_bytes(b"x" * 300)
    assert make_source().produce(KUBELET, into, progress).path.read_bytes() == CONTENT
    assert publishers.requests(KUBELET_PATH)[-1].headers.get("Range") is None


def test_passing_failures_are_tried_again(
    publishers: Publishers, published: Resource, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    published.failures = [503, 429]
    assert make_source().produce(KUBELET, into, progress).path.read_bytes() == CONTENT
    assert len(publishers.requests(KUBELET_PATH)) == 3


def test_lasting_failures_are_not_tried_again(
    publishers: Publishers, published: Resource, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    published.failures = [403]
    with pytest.raises(WindlassError, match="answered 403 Forbidden"):
        make_source().produce(KUBELET, into, progress)
    assert len(publishers.requests(KUBELET_PATH)) == 1


def test_what_is_not_published_is_said_with_its_url(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    with pytest.raises(WindlassError, match="answered 404 Not Found: not published there; check the version") as caught:
        make_source().produce(KUBELET, into, progress)
    assert f"{publishers.url}{KUBELET_PATH}.sha256" in str(caught.value)


def test_the_lock_decides_once_it_knows(
    publishers: Publishers, published: Resource, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    replaced = b"a new build under the old name"
    published.content = replaced
    publishers.publish(f"{KUBELET_PATH}.sha256", sha256(replaced).encode())
    with pytest.raises(IntegrityError, match=sha256(CONTENT)):
        make_source((KUBELET, sha256(CONTENT))).produce(KUBELET, into, progress)


def test_what_the_lock_knows_needs_no_checksum_file(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    publishers.publish(KUBELET_PATH, CONTENT)
    source = make_source((KUBELET, sha256(CONTENT)))
    assert source.produce(KUBELET, into, progress).path.read_bytes() == CONTENT


def test_what_has_no_published_sum_counts_as_unverified(
    publishers: Publishers,
    catalog: OfficialCatalog,
    make_source: Callable[..., OfficialSource],
    into: Path,
    progress: Heard,
) -> None:
    unsigned = replace(catalog.files["runc"], checksum=None)
    source = replace(make_source(), catalog=replace(catalog, files={**catalog.files, "runc": unsigned}))
    publishers.publish(RUNC_PATH, CONTENT)
    assert source.produce(RUNC, into, progress).origin == "unverified"


REGISTRY = Artifact("file", "registry", "v3.1.2")


def _publish_registry(publishers: Publishers, members: dict[str, bytes]) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    path = "/distribution/distribution/releases/download/v3.1.2/registry_3.1.2_linux_amd64.tar.gz"
    publishers.publish(path, packed.getvalue())
    publishers.publish(f"{path}.sha256", f"{sha256(packed.getvalue())}  registry_3.1.2_linux_amd64.tar.gz\n".encode())


def test_a_binary_is_taken_out_of_its_archive(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    _publish_registry(publishers, {"LICENSE": b"terms", "registry": CONTENT})
    assert make_source().produce(REGISTRY, into, progress).path.read_bytes() == CONTENT


def test_an_archive_without_the_binary_is_said(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    _publish_registry(publishers, {"LICENSE": b"terms"})
    with pytest.raises(WindlassError, match="the archive has no file `registry`"):
        make_source().produce(REGISTRY, into, progress)


def test_a_binary_out_of_an_archive_must_be_the_locked_one(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    _publish_registry(publishers, {"registry": CONTENT})
    with pytest.raises(IntegrityError, match="the lock of the source `official` wants"):
        make_source((REGISTRY, "1" * 64)).produce(REGISTRY, into, progress)
    assert list(into.iterdir()) == []


ARM = {
    "kubelet": "/release/v1.37.2/bin/linux/arm64/kubelet",
    "containerd": "/containerd/containerd/releases/download/v2.4.2/containerd-2.4.2-linux-arm64.tar.gz",
    "runc": "/opencontainers/runc/releases/download/v1.5.3/runc.arm64",
    "cni-plugins": "/containernetworking/plugins/releases/download/v1.9.1/cni-plugins-linux-arm64-v1.9.1.tgz",
    "docker-compose": "/docker/compose/releases/download/v2.40.3/docker-compose-linux-aarch64",
    "docker-engine": "/linux/static/stable/aarch64/docker-29.8.1.tgz",
    "registry": "/distribution/distribution/releases/download/v3.1.2/registry_3.1.2_linux_arm64.tar.gz",
    "versitygw": "/versity/versitygw/releases/download/v1.8.0/versitygw_v1.8.0_Linux_arm64.tar.gz",
}


@pytest.mark.parametrize("name", ARM)
def test_files_of_another_architecture_are_published_at_places_of_their_own(
    publishers: Publishers, catalog: OfficialCatalog, name: str
) -> None:
    amd64 = next(one for one in needed_artifacts() if one.name == name)
    publication = catalog.publication(amd64.on("arm64"))
    assert isinstance(publication, FilePublication)
    assert publication.url == f"{publishers.url}{ARM[name]}"
    assert catalog.publication(amd64) != publication


def test_a_url_without_a_place_for_the_architecture_is_that_of_amd64(catalog: OfficialCatalog) -> None:
    own = replace(catalog, files={"tool": replace(catalog.files["runc"], url="{github}/tool", checksum=None)})
    tool = Artifact("file", "tool", "v1")
    assert own.has(tool)
    with pytest.raises(WindlassError, match=r"file:tool:v1@arm64: official\.yaml does not say where"):
        own.publication(tool.on("arm64"))


def test_an_architecture_that_publishers_have_no_word_for_is_named(catalog: OfficialCatalog) -> None:
    with pytest.raises(WindlassError, match=r"what \{arch\} is for riscv64; add it there"):
        catalog.publication(Artifact("file", "runc", "v1.5.3", "riscv64"))


def test_a_kubelet_for_arm64_is_what_its_publisher_says(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    publishers.publish(ARM["kubelet"], CONTENT)
    publishers.publish(f"{ARM['kubelet']}.sha256", sha256(CONTENT).encode())
    source = replace(make_source(), architectures=("amd64", "arm64"))
    kubelet = Artifact("file", "kubelet", "v1.37.2", "arm64")
    assert kubelet in source.artifacts()
    assert source.produce(kubelet, into, progress).path.read_bytes() == CONTENT


def test_another_architecture_leaves_the_recipes_of_files_as_they_are(
    make_source: Callable[..., OfficialSource],
) -> None:
    alone = make_source()
    both = replace(alone, architectures=("amd64", "arm64"))
    for artifact in alone.artifacts():
        assert (alone.recipe_hash(artifact) == both.recipe_hash(artifact)) == (artifact.kind == "file")


def test_the_recipe_of_amd64_is_what_it_was_before_there_were_others(catalog: OfficialCatalog) -> None:
    told = json.loads(catalog.template(Artifact("file", "runc", "v1.5.3")))
    assert told == {
        "url": "{github}/opencontainers/runc/releases/download/{version}/runc.amd64",
        "checksum": "{github}/opencontainers/runc/releases/download/{version}/runc.sha256sum",
        "member": None,
    }
