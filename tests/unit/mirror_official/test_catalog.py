"""official.yaml: every needed artifact has a place, addresses can be overridden, reachability is told."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from windlass.domain.artifacts import Artifact
from windlass.errors import IntegrityError, SpecError
from windlass.mirror.checksums import published_sha256
from windlass.mirror.official import OfficialSource
from windlass.mirror.official_catalog import FilePublication, OfficialCatalog, load_catalog, parse_overrides
from windlass.mirror.official_probe import unreachable_sites
from windlass.mirror.places import needed_artifacts, recipes_directory

if TYPE_CHECKING:
    from tests.unit.mirror_official.conftest import Publishers

DIGEST = "ab" * 32
OTHER = "cd" * 32


@pytest.fixture
def own_catalog() -> OfficialCatalog:
    return load_catalog(recipes_directory() / "official.yaml", {})


@pytest.mark.parametrize("artifact", needed_artifacts(recipes_directory()), ids=str)
def test_every_needed_artifact_is_published_somewhere(own_catalog: OfficialCatalog, artifact: Artifact) -> None:
    publication = own_catalog.publication(artifact)
    assert "{" not in str(publication)
    assert "https://" in str(publication)


def test_the_source_offers_exactly_what_is_needed(make_source: Callable[..., OfficialSource]) -> None:
    assert tuple(make_source().artifacts()) == needed_artifacts(recipes_directory())


def test_a_recipe_hash_does_not_depend_on_where_a_site_is(
    own_catalog: OfficialCatalog, make_source: Callable[..., OfficialSource]
) -> None:
    kubelet = Artifact("file", "kubelet", "v1.37.2")
    elsewhere = make_source()
    here = replace(elsewhere, catalog=own_catalog)
    assert here.recipe_hash(kubelet) == elsewhere.recipe_hash(kubelet)
    assert here.recipe_hash(kubelet) != here.recipe_hash(Artifact("file", "kubelet", "v1.36.3"))


def test_a_site_can_be_overridden_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDLASS_OFFICIAL_SITES", "github=http://proxy.example/gh/, docker.io=http://proxy.example/hub")
    catalog = load_catalog(recipes_directory() / "official.yaml")
    assert catalog.publication(Artifact("file", "runc", "v1.1.5")).url.startswith(
        "http://proxy.example/gh/opencontainers/"
    )
    assert catalog.publication(Artifact("image", "coredns", "v1.14.7")).registry == "http://proxy.example/hub"


def test_an_override_of_an_unknown_site_names_the_known_ones() -> None:
    with pytest.raises(SpecError, match=r"no site is called `githib`; known are kubernetes, github"):
        load_catalog(recipes_directory() / "official.yaml", {"githib": "http://x"})


def test_an_override_without_a_url_is_refused() -> None:
    with pytest.raises(SpecError, match="`github` is not of the form name=url"):
        parse_overrides("github")


def test_all_sites_reachable_is_no_problem(publishers: Publishers, make_source: Callable[..., OfficialSource]) -> None:
    for path in ("/release/stable.txt", "/containerd/containerd", "/linux/static/stable/x86_64/", "/v2/"):
        publishers.publish(path, b"here")
    publishers.token = "wanted"
    source = make_source()
    assert source.problem() is None


def test_a_site_that_answers_wrongly_is_named(
    publishers: Publishers, make_source: Callable[..., OfficialSource]
) -> None:
    for path in ("/release/stable.txt", "/containerd/containerd", "/v2/"):
        publishers.publish(path, b"here")
    assert make_source().problem() == f"{publishers.url}/linux/static/stable/x86_64/: answered 404 Not Found"


def test_sites_are_probed_once(publishers: Publishers, make_source: Callable[..., OfficialSource]) -> None:
    source = make_source()
    source.problem()
    asked = len(publishers.seen)
    source.problem()
    assert len(publishers.seen) == asked


def test_a_site_that_is_not_there_is_named_with_the_reason(own_catalog: OfficialCatalog) -> None:
    nobody = "http://127.0.0.1:9"  # the discard port: nothing listens there
    sites = {name: replace(site, base=nobody) for name, site in own_catalog.sites.items()}
    catalog = replace(own_catalog, sites=sites, registries={"docker.io": nobody})
    assert "http://127.0.0.1:9/v2/: [Errno 111] Connection refused" in unreachable_sites(catalog)


def test_a_name_that_nobody_resolves_does_not_hold_the_probe_up(
    make_source: Callable[..., OfficialSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: ended.wait() and [])
    try:
        problem = unreachable_sites(make_source().catalog, seconds=0.2)
    finally:
        ended.set()
    assert problem is not None
    assert problem.count("no answer within 0.2 s") == 4  # every URL of the stand-in, each asked once


@pytest.mark.parametrize(
    "change",
    [
        ("sites:", "site:"),
        ("checksum:", "sums:"),
        ("checksum: null", "checksum: null\n    extra: 1"),
        ("images:", "a: ["),
    ],
)
def test_a_catalog_of_another_shape_is_refused(change: tuple[str, str], tmp_path: Path) -> None:
    text = (recipes_directory() / "official.yaml").read_text()
    wrong = tmp_path / "official.yaml"
    wrong.write_text(text.replace(*change))
    with pytest.raises(SpecError, match=r"official\.yaml: does not say where artifacts are published"):
        load_catalog(wrong, {})


def test_a_run_without_downloads_loads_no_http_client() -> None:
    code = "import sys, windlass.mirror.official; print(sorted({'httpx', 'pydantic', 'tenacity'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    "text",
    [
        DIGEST,
        f"{DIGEST.upper()}\n",
        f"{DIGEST}  tool\n{OTHER}  tool.sig\n",
        f"{OTHER} *other\n{DIGEST} *./bin/tool\n",
        f"SHA256 (tool) = {DIGEST}\nSHA512 (tool) = {'ef' * 64}\n",
        f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{DIGEST}  tool\n-----BEGIN PGP SIGNATURE-----\niQ\n",
    ],
)
def test_sum_files_of_every_style_are_read(text: str) -> None:
    assert published_sha256(text, "tool", "http://site.example/sums") == DIGEST


@pytest.mark.parametrize(
    ("text", "what"), [(f"{DIGEST}  other\n", "no SHA-256"), (f"{DIGEST}  tool\n{OTHER}  tool\n", "2 different")]
)
def test_a_sum_file_that_does_not_decide_is_refused(text: str, what: str) -> None:
    with pytest.raises(IntegrityError, match=f"http://site.example/sums: lists {what}"):
        published_sha256(text, "tool", "http://site.example/sums")


def test_docker_engine_is_the_static_archive_of_its_publisher_who_gives_no_sums() -> None:
    found = load_catalog(recipes_directory() / "official.yaml", {}).publication(
        Artifact("file", "docker-engine", "v29.8.1")
    )
    assert found == FilePublication(
        "https://download.docker.com/linux/static/stable/x86_64/docker-29.8.1.tgz", checksum_url=None, member=None
    )
