"""How the API proxy is brought to read what changed: once, whatever of it did."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from windlass.domain.host.desired import SETTINGS
from windlass.domain.host.layout import API_PROXY, APPLIED, ETC, PROXY_CA, PROXY_CONFIG, PROXY_TRUST, STACKS
from windlass.domain.scripts.apply import settings_script
from windlass.domain.scripts.combine import in_turn
from windlass.domain.scripts.script import changes_of

DOCKER = """#!/bin/sh
case $1 in
  inspect) echo "running 1 sha256:1" ;;
  kill) echo reload >> ROOT/reloads ;;
esac
"""
PGREP = "#!/bin/sh\nwc -l < ROOT/reloads\n"


@dataclass(frozen=True)
class Host:
    """A host's files below a directory, with an API proxy that runs."""

    root: Path

    def write(self, path: str, text: str) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def load(self, *what: str) -> tuple[str, ...]:
        """Have settings loaded; what the host says that it changed."""
        text = in_turn("load-proxy", *(settings_script(one, SETTINGS[one]) for one in what)).text
        for place in (APPLIED, ETC):
            text = text.replace(place, f"{self.root}{place}")
        environment = os.environ | {"PATH": f"{self.root}:{os.environ['PATH']}"}
        done = subprocess.run(["sh", "-s"], input=text, capture_output=True, text=True, check=True, env=environment)
        return changes_of(done.stdout)

    @property
    def reloads(self) -> int:
        return len((self.root / "reloads").read_text().splitlines())


@pytest.fixture
def host(tmp_path: Path) -> Host:
    for name, text in (("docker", DOCKER), ("pgrep", PGREP)):
        (tmp_path / name).write_text(text.replace("ROOT", str(tmp_path)))
        (tmp_path / name).chmod(0o755)
    (tmp_path / "reloads").touch()
    host = Host(tmp_path)
    host.write(f"{STACKS}/api-proxy/compose.yaml", "sha256:1\n")
    host.write(PROXY_CONFIG, "servers: one")
    host.write(PROXY_CA, "authority: one")
    return host


def test_servers_and_authority_that_both_changed_are_one_reload(host: Host) -> None:
    assert host.load(API_PROXY, PROXY_TRUST) == (API_PROXY,)
    assert host.reloads == 1
    assert host.load(API_PROXY, PROXY_TRUST) == ()

    host.write(PROXY_CONFIG, "servers: two")
    host.write(PROXY_CA, "authority: two")
    assert host.load(API_PROXY) == (API_PROXY,)
    assert host.load(PROXY_TRUST) == ()
    assert host.reloads == 2


@pytest.mark.parametrize(("what", "path"), [(API_PROXY, PROXY_CONFIG), (PROXY_TRUST, PROXY_CA)])
def test_what_changed_alone_is_loaded_too(host: Host, what: str, path: str) -> None:
    host.load(API_PROXY, PROXY_TRUST)
    host.write(path, "two")

    assert host.load(API_PROXY, PROXY_TRUST) == (what,)
    assert host.reloads == 2
