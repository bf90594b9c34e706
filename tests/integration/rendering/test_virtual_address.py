"""The rendered keepalived and API proxies, as the mirror's images run them, on hosts that are network namespaces."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration.rendering import address_rig
from windlass.domain.host import layout
from windlass.domain.pki.subjects import Signer

pytestmark = pytest.mark.full

NAMES = ("cp-1", "cp-2", "cp-3")
COMPOSE = f"{layout.STACKS}/{layout.ADDRESS_STACK}/compose.yaml"
MOST_SECONDS = 3.0
MOST_UNREADY_SECONDS = 5.0
"""Until the API proxy is sure that an API server is gone, and keepalived has asked it."""


@pytest.fixture(scope="module")
def became(tmp_path_factory: pytest.TempPathFactory, kit: Any) -> dict[str, dict[str, Any]]:
    """What became of the address after each thing that happened to a host."""
    top = tmp_path_factory.mktemp("address")
    members = [
        {"name": name, "address": f"192.0.2.{number}", "roles": ["etcd", "control-plane"]}
        for number, name in enumerate(NAMES, start=11)
    ]
    cluster = kit.cluster(members, "v1.37.2", api={"virtualAddress": address_rig.ADDRESS})
    lay_out(kit, cluster, top)
    own = ["--map-root-user"] if os.geteuid() else []
    argv = ["unshare", *own, "--net", "--mount-proc", "--pid", "--fork", "--kill-child"]
    argv += [sys.executable, address_rig.__file__, str(top)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=400)
    logs = "\n".join(f"--- {path}\n{path.read_text()[-1500:]}" for path in sorted(top.glob("*/*.log")))
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{logs}"
    print(done.stdout)  # noqa: T201  figures to read
    return {name: told for line in done.stdout.splitlines() for name, told in json.loads(line).items()}


def lay_out(kit: Any, cluster: Any, top: Path) -> None:
    pki = kit.pki(cluster)
    release = kit.catalog.release("v1.37.2").for_stack(layout.ADDRESS_STACK)
    for host in cluster.spec.hosts.members:
        directory = top / host.name
        directory.mkdir()
        leaf = pki.leaves[f"{host.name}/apiserver"]
        (directory / "address").write_text(host.node_address)
        (directory / "server.pem").write_text(leaf.certificate + leaf.key.reveal())
        files = kit.files(cluster, host)
        (directory / "keepalived.command").write_text(command_of(files[COMPOSE].text))
        for image in ("haproxy", "keepalived"):
            tree = directory / image
            shutil.copytree(kit.unpack(image, release.images[image]), tree, symlinks=True)
            for name in ("proc", "run", "dev"):
                (tree / name).mkdir(exist_ok=True)
            (tree / "dev" / "null").touch()
            for path, file in files.items():
                if path.startswith(f"{layout.STACKS}/"):
                    (tree / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
                    (tree / path.lstrip("/")).write_bytes(file.content)
            authority = tree / layout.PKI.lstrip("/") / "ca.crt"
            authority.parent.mkdir(parents=True, exist_ok=True)
            authority.write_text(pki.authorities[Signer.KUBERNETES].certificate)


def command_of(compose: str) -> str:
    service = yaml.safe_load(compose)["services"]["keepalived"]
    return shlex.join([*service["entrypoint"], *service["command"]])


def test_one_host_holds_it(became: dict[str, dict[str, Any]]) -> None:
    assert {name: len(told["after"]) for name, told in became.items() if name not in TWO} == {
        name: 1 for name in became if name not in TWO
    }


TWO = {"keepalived is killed"}
"""While this lasts the host has the address still, and nobody leads to it there."""


@pytest.mark.parametrize(
    ("what", "most"),
    [
        ("its link is down", MOST_SECONDS),
        ("its API server is not ready", MOST_SECONDS),
        ("its API server is killed", MOST_UNREADY_SECONDS),
        ("its API proxy is killed", MOST_SECONDS),
        ("keepalived is killed", MOST_SECONDS),
        ("keepalived is told to end", MOST_SECONDS),
    ],
)
def test_another_host_takes_it_from_one_that_ends(became: dict[str, dict[str, Any]], what: str, most: float) -> None:
    told = became[what]
    assert set(told["after"]) - set(told["before"]), told
    assert told["gap"] <= most, told


@pytest.mark.parametrize(
    "what",
    [
        "its link is up again",
        "its API server is ready again",
        "its API server is started again",
        "its API proxy is started again",
        "it is started after its end",
        "all load their files",
    ],
)
def test_who_holds_it_well_keeps_it(became: dict[str, dict[str, Any]], what: str) -> None:
    told = became[what]
    assert set(told["after"]) <= set(told["before"]), told
