"""Compose files as people write them become what is watched, labelled and bounded as Windlass's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from unit.rendering.conftest import SHIPPED, TOPOLOGIES, Rendering, make_cluster
from windlass.domain.catalog import Release, StackTemplate
from windlass.domain.catalog.stack_services import StackServices
from windlass.domain.catalog.tested import templates_digest
from windlass.domain.host.container_drift import container_drift
from windlass.domain.host.containers import read_container
from windlass.domain.rendering import digest_of, read_health
from windlass.domain.rendering.plain_compose import _NOT_TAKEN, finished_services
from windlass.domain.spec.references import RevealedText, with_values
from windlass.domain.spec.settled import settled
from windlass.effects.catalog import load_catalog
from windlass.errors import SpecError

STACK = """\
description: A web server.
images: {busybox: v1}
questions:
  - {variable: port, label: Port, type: int, default: 8080}
  - {variable: word, label: A word, type: password, required: false}
services:
  web: {health_check: {port: "${port}", request_line: GET / HTTP/1.0}}
"""
COMPOSE = """\
services:
  web:
    image: {{ images.busybox }}
    entrypoint: [httpd]
    command: [-f, -p, "{{ host.node_address }}:{{ values.port }}", -h, {{ directory }}]
    labels: [com.example.team=web]
    read_only: false
"""
Written = Callable[..., Release]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    """Return a function that writes the stack `web` of one's own, and loads the catalog with it."""
    monkeypatch.setenv("WINDLASS_STACKS", str(tmp_path))

    def write(compose: str = COMPOSE, **beside: str) -> Release:
        files = {"stack.yaml": STACK, "compose.yaml.j2": compose, "index.html.j2": "hello {{ values.word }}", **beside}
        for name, text in files.items():
            (tmp_path / "web").mkdir(exist_ok=True)
            (tmp_path / "web" / name).write_text(text)
        return load_catalog(SHIPPED).release("v1.37.2")

    return write


def rendered(release: Release, health: Mapping[str, Any] | None = None, **stack: Any) -> Rendering:
    stacks = [{"name": "web", "hosts": ["w-1"], **stack}]
    cluster = make_cluster(TOPOLOGIES["overlapping"], stacks=stacks, health=health or {})
    return Rendering(settled(cluster, None, release.stacks), release)


def test_a_compose_file_with_nothing_of_windlass_in_it_is_watched_and_bounded(written: Written) -> None:
    rendering = rendered(written(), values={"port": 8081})
    service = rendering.service("w-1", "web", "web")
    assert service["container_name"] == "windlass-web"
    assert service["labels"]["io.windlass.component"] == "web"
    assert service["labels"]["io.windlass.version"] == "v1"
    assert service["labels"]["com.example.team"] == "web"
    assert service["labels"]["io.windlass.digest"] == digest_of(service)
    assert (service["restart"], service["network_mode"], service["cap_drop"]) == ("always", "host", ["ALL"])
    assert service["read_only"] is False, "what the file says counts"
    check = read_health(rendering.host("w-1")["/etc/windlass/stacks/web/compose.yaml"].text)["web"]
    assert (check.port, check.protocol, check.strategy) == (8081, "http", "recreate")
    assert not any("/stacks/web/" in path for path in rendering.host("cp-1"))


def test_another_file_beside_it_recreates_the_container_and_another_check_does_not(written: Written) -> None:
    def digest(rendering: Rendering) -> str:
        return str(rendering.service("w-1", "web", "web")["labels"]["io.windlass.digest"])

    release = written()
    before = digest(rendered(release))
    slower = rendered(release, health={"web": {"intervalSeconds": 30}})
    assert "interval: 30s" in slower.host("w-1")["/etc/windlass/stacks/web/compose.yaml"].text
    assert digest(slower) == before
    assert digest(rendered(written(**{"index.html.j2": "good day"}))) != before


def test_a_secret_makes_its_files_roots_alone_and_the_watch_sees_none(written: Written) -> None:
    release = written()
    rendering = rendered(release, values={"word": {"fromVariable": "windlass_secret_word"}})
    revealed = Rendering(with_values(rendering.cluster, lambda _: RevealedText("sesame"), "stacks"), release)
    page = revealed.host("w-1")["/etc/windlass/stacks/web/index.html"]
    assert (page.text, page.mode) == ("hello sesame", 0o600)
    with pytest.raises(SpecError, match="was not resolved"):
        rendering.host("w-1")


def test_data_go_with_the_stack_where_the_spec_says_so(written: Written) -> None:
    path, release = "/etc/windlass/stacks/web/compose.yaml", written()
    kept, going = (rendered(release, data=data).host("w-1")[path].text for data in ("keep", "delete"))
    assert going == f"{kept}x-windlass-data: delete\n"


WEB = StackTemplate("web", "A web server.", services=StackServices({"web": None}))
SERVICE: Mapping[str, Any] = {"image": "192.0.2.1:5000/windlass/busybox@sha256:00", "entrypoint": ["httpd"]}


def refused(services: Mapping[str, Any]) -> str:
    with pytest.raises(SpecError) as caught:
        finished_services(WEB, {"services": services}, {}, make_cluster(TOPOLOGIES["standalone"]), "sha256:00")
    return str(caught.value)


@pytest.mark.parametrize("key", ["networks", "volumes", "secrets", "configs"])
def test_only_services_are_taken_of_a_compose_file(key: str) -> None:
    document, cluster = {"services": {"web": SERVICE}, key: {"a": {}}}, make_cluster(TOPOLOGIES["standalone"])
    with pytest.raises(SpecError, match=f"stack web: {key}: only `services` are taken"):
        finished_services(WEB, document, {}, cluster, "sha256:00")


@pytest.mark.parametrize("key", sorted(_NOT_TAKEN))
def test_what_is_not_taken_of_compose_is_refused_by_name(key: str) -> None:
    assert refused({"web": {**SERVICE, key: "x"}}) == f"stack web: services.web.{key}: {_NOT_TAKEN[key]}"


@pytest.mark.parametrize(
    ("services", "problem"),
    [
        ({"web": {**SERVICE, "image": "busybox:1"}}, "services.web.image: write `{{ images.NAME }}`"),
        ({"web": SERVICE, "db": SERVICE}, "`db` is missing in stack.yaml"),
        ({"web": {**SERVICE, "entrypoint": []}}, "services.web.entrypoint: it is missing"),
        ({"web": {**SERVICE, "command": "-f -p 80"}}, "services.web.command: write it as a list"),
        ({"web": {**SERVICE, "volumes": ["/a:/b"]}}, "services.web.volumes: write each as {type: bind"),
        ({"web": {**SERVICE, "volumes": [{"type": "volume", "source": "a", "target": "/b"}]}}, "services.web.volumes"),
        ({"webb": SERVICE}, "stack.yaml has `web`, and the Compose file has not"),
        ({"web": None}, "services.web: it is no mapping"),
        (
            {"web": {**SERVICE, "labels": ["io.rancher.scheduler.global=true"]}},
            "stands in stack.yaml: hosts are chosen before",
        ),
        ({"web": {**SERVICE, "labels": {"io.rancher.sidekicks": "x"}}}, "`io.rancher.sidekicks` says nothing here"),
    ],
)
def test_says_what_is_wrong_with_a_compose_file(services: Mapping[str, Any], problem: str) -> None:
    assert problem in refused(services)


def test_a_wrong_stack_of_ones_own_holds_up_no_other(written: Written) -> None:
    release = written(**{"stack.yaml": "description: x\nservices: {web: {scale: 0}}"})
    assert "services.web.scale" in release.stacks["web"].broken
    assert not release.stacks["registry"].broken


def test_a_stack_of_ones_own_makes_no_release_another_one(written: Written) -> None:
    without = load_catalog(SHIPPED).release("v1.37.2")
    assert templates_digest(written()) == templates_digest(without)


def test_of_two_with_one_name_nobody_may_pick_either(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written()
    other = tmp_path / "other" / "registry"
    other.mkdir(parents=True)
    (other / "stack.yaml").write_text("description: Another.")
    (other / "compose.yaml.j2").write_text("services: {}")
    monkeypatch.setenv("WINDLASS_STACKS", f"{tmp_path}:{tmp_path / 'other'}")
    found = load_catalog(SHIPPED).stacks["registry"]
    assert f"and in {other}/stack.yaml; take one away" in found.broken
    assert found.description.startswith("A registry"), "whoever runs it keeps it"


def test_a_container_that_was_made_from_it_is_no_drift(written: Written) -> None:
    dollar = COMPOSE.replace("-h, {{ directory }}]", '-h, {{ directory }}, "$$HOME", 80]')
    mount = "    volumes: [{type: bind, source: {{ directory }}, target: /www, read_only: true}]\n"
    service = rendered(written(dollar + mount)).service("w-1", "web", "web")
    words = [word.replace("$$", "$") for word in service["command"]]
    assert words[-2:] == ["$HOME", "80"]
    started: dict[str, Any] = {
        "Id": "1",
        "Name": f"/{service['container_name']}",
        "State": {"Status": "running", "StartedAt": "2026-11-24T05:00:00Z", "ExitCode": 0},
        "Config": {
            "Labels": service["labels"],
            "Image": service["image"],
            "Entrypoint": service["entrypoint"],
            "Cmd": words,
        },
        "HostConfig": {"RestartPolicy": {"Name": "always"}, "NetworkMode": "host", "ReadonlyRootfs": False},
        "Mounts": [{"Type": "bind", "Source": "/etc/windlass/stacks/web", "Destination": "/www", "RW": False}],
    }
    assert container_drift(service, read_container(started)) == ()
    started["Config"]["Cmd"] = [*words, "-v"]
    assert container_drift(service, read_container(started)) == ("other flags: -v",)
