"""Images of the source `official`: token, index, manifest and blobs, each checked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from windlass.domain.artifacts import Artifact
from windlass.errors import IntegrityError, WindlassError
from windlass.mirror.official import OfficialSource
from windlass.mirror.source import Produced

if TYPE_CHECKING:
    from tests.unit.mirror_official.conftest import Heard, Publishers

COREDNS = Artifact("image", "coredns", "v1.14.7")
REPOSITORY = "coredns/coredns"
TAG = "1.14.7"


def layout_manifest(produced: Produced) -> tuple[str, dict[str, Any]]:
    (entry,) = json.loads((produced.path / "index.json").read_bytes())["manifests"]
    blob = produced.path / "blobs" / "sha256" / entry["digest"].removeprefix("sha256:")
    return entry["digest"], json.loads(blob.read_bytes())


def test_an_index_is_resolved_to_the_manifest_of_linux_amd64(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    digest = publishers.publish_image(REPOSITORY, TAG)
    produced = make_source().produce(COREDNS, into, progress)
    assert produced.origin == "publisher"
    assert layout_manifest(produced)[0] == digest


def test_the_layout_holds_every_blob(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    publishers.publish_image(REPOSITORY, TAG)
    produced = make_source().produce(COREDNS, into, progress)
    _, manifest = layout_manifest(produced)
    blobs = [manifest["config"], *manifest["layers"]]
    stored = {path.name: path.stat().st_size for path in (produced.path / "blobs" / "sha256").iterdir()}
    assert {blob["digest"].removeprefix("sha256:"): blob["size"] for blob in blobs}.items() <= stored.items()
    assert len(stored) == len(blobs) + 1
    assert json.loads((produced.path / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}


def test_progress_counts_the_bytes_of_all_blobs(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    publishers.publish_image(REPOSITORY, TAG)
    _, manifest = layout_manifest(make_source().produce(COREDNS, into, progress))
    assert progress.bytes_done[-1] == sum(blob["size"] for blob in [manifest["config"], *manifest["layers"]])


def test_a_registry_that_wants_a_token_gets_one_for_all_requests(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    publishers.publish_image(REPOSITORY, TAG)
    publishers.token = "anonymous-pull"
    make_source().produce(COREDNS, into, progress)
    asked = [seen for seen in publishers.seen if seen.path.startswith("/token")]
    assert len(asked) == 1
    assert "service=stub" in asked[0].path
    assert "scope=repository" in asked[0].path


def test_a_token_may_be_called_access_token(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    publishers.publish_image(REPOSITORY, TAG)
    publishers.token, publishers.token_field = "anonymous-pull", "access_token"
    assert make_source().produce(COREDNS, into, progress).origin == "publisher"


def test_a_token_service_that_answers_otherwise_is_named(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    publishers.publish_image(REPOSITORY, TAG)
    publishers.token, publishers.token_field = "anonymous-pull", ""
    with pytest.raises(WindlassError, match=f"{publishers.url}/token: sent no token"):
        make_source().produce(COREDNS, into, progress)


def test_a_token_that_ran_out_is_renewed(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    publishers.publish_image(REPOSITORY, TAG)
    publishers.token = "first"
    blob = next(path for path in publishers.resources if "/blobs/" in path)
    publishers.resources[blob].on_request = lambda: setattr(publishers, "token", "second")
    make_source().produce(COREDNS, into, progress)
    assert {seen.headers.get("Authorization") for seen in publishers.seen} >= {"Bearer first", "Bearer second"}


def test_the_token_is_not_shown_to_the_store_of_the_blobs(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    publishers.publish_image(REPOSITORY, TAG)
    publishers.token = "anonymous-pull"
    blob = next(path for path in publishers.resources if "/blobs/" in path)
    publishers.publish("/store", publishers.resources[blob].content)
    publishers.resources[blob].redirect = f"{publishers.url.replace('127.0.0.1', 'localhost')}/store"
    make_source().produce(COREDNS, into, progress)
    (stored,) = publishers.requests("/store")
    assert "Authorization" not in stored.headers


def test_a_wrong_blob_says_where_and_leaves_no_image(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    publishers.publish_image(REPOSITORY, TAG)
    blob = next(path for path in publishers.resources if "/blobs/" in path)
    publishers.resources[blob].content = b"something else"
    with pytest.raises(IntegrityError, match=blob):
        make_source().produce(COREDNS, into, progress)
    assert list(into.iterdir()) == []


def test_a_manifest_unlike_its_digest_is_refused(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    digest = publishers.publish_image(REPOSITORY, TAG)
    publishers.resources[f"/v2/{REPOSITORY}/manifests/{digest}"].content += b" "
    with pytest.raises(IntegrityError, match=f"should have the digest {digest}"):
        make_source().produce(COREDNS, into, progress)


def test_blobs_are_continued_too(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    publishers.publish_image(REPOSITORY, TAG)
    blob = next(path for path, resource in publishers.resources.items() if len(resource.content) > 1000)
    publishers.resources[blob].cut_after = [10]
    make_source().produce(COREDNS, into, progress)
    assert [seen.headers.get("Range") for seen in publishers.requests(blob)] == [None, "bytes=10-"]


def test_the_locked_manifest_is_pulled_wherever_the_tag_moved(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    digest = publishers.publish_image(REPOSITORY, TAG)
    publishers.publish_manifest(REPOSITORY, "arm64", tag=TAG)
    produced = make_source((COREDNS, digest.removeprefix("sha256:"))).produce(COREDNS, into, progress)
    assert layout_manifest(produced)[0] == digest


def test_a_single_manifest_works_as_well_as_an_index(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    digest = publishers.publish_manifest(REPOSITORY, "amd64", tag=TAG)
    assert layout_manifest(make_source().produce(COREDNS, into, progress))[0] == digest


def test_a_digest_that_the_registry_did_not_state_is_unverified(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    publishers.publish_manifest(REPOSITORY, "amd64", tag=TAG)
    del publishers.resources[f"/v2/{REPOSITORY}/manifests/{TAG}"].headers["Docker-Content-Digest"]
    assert make_source().produce(COREDNS, into, progress).origin == "unverified"


def test_a_missing_platform_names_those_there_are(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    publishers.publish_image(REPOSITORY, TAG, architectures=("arm64", "s390x"))
    with pytest.raises(WindlassError, match=r"not published for linux/amd64; there are: .*linux/arm64, linux/s390x"):
        make_source().produce(COREDNS, into, progress)


def test_a_single_manifest_of_another_platform_is_refused(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    publishers.publish_manifest(REPOSITORY, "arm64", tag=TAG)
    with pytest.raises(WindlassError, match="is for linux/arm64, not for linux/amd64"):
        make_source().produce(COREDNS, into, progress)


def test_a_missing_tag_is_said_with_its_url(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    with pytest.raises(WindlassError, match=rf"/v2/{REPOSITORY}/manifests/{TAG}: answered 404"):
        make_source().produce(COREDNS, into, progress)


def both(source: OfficialSource) -> OfficialSource:
    return replace(source, architectures=("amd64", "arm64"))


def test_of_two_architectures_an_index_has_the_manifests_of_these_alone(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    digest = publishers.publish_image(REPOSITORY, TAG, architectures=("amd64", "s390x", "arm64"))
    produced = both(make_source()).produce(COREDNS, into, progress)
    assert produced.origin == "publisher"
    _, index = layout_manifest(produced)
    assert [entry["platform"]["architecture"] for entry in index["manifests"]] == ["amd64", "arm64"]
    assert index["manifests"][0]["digest"] == digest
    stored = {path.name for path in (produced.path / "blobs" / "sha256").iterdir()}
    for entry in index["manifests"]:
        name = entry["digest"].removeprefix("sha256:")
        manifest = json.loads((produced.path / "blobs" / "sha256" / name).read_bytes())
        blobs = [manifest["config"], *manifest["layers"]]
        assert {blob["digest"].removeprefix("sha256:") for blob in blobs} | {name} <= stored


def test_the_locked_manifest_of_an_architecture_stays_when_another_one_is_added(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    digest = publishers.publish_manifest(REPOSITORY, "amd64")
    arm = publishers.publish_manifest(REPOSITORY, "arm64", tag=TAG)  # what the tag says now
    locked = (COREDNS, digest.removeprefix("sha256:"))
    produced = both(make_source(locked)).produce(COREDNS, into, progress)
    _, index = layout_manifest(produced)
    assert [entry["digest"] for entry in index["manifests"]] == [digest, arm]


def test_an_image_that_is_not_published_for_one_of_them_is_refused(
    publishers: Publishers, make_source: Callable[..., OfficialSource], into: Path, progress: Heard
) -> None:
    publishers.publish_image(REPOSITORY, TAG, architectures=("amd64",))
    with pytest.raises(WindlassError, match=r"not published for linux/arm64; there are: .*linux/amd64"):
        both(make_source()).produce(COREDNS, into, progress)
