"""A mirror's packages of Docker Engine are for one release of Debian, and touch no other system."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from windlass.domain.host.layout import DOCKER_UNFINISHED
from windlass.domain.scripts.install import docker_script

SYSTEMS = {
    "Debian 13": 'ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n',
    "Debian testing": 'ID=debian\nPRETTY_NAME="Debian GNU/Linux forky/sid"\n',
    "Ubuntu": 'ID=ubuntu\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04.3 LTS"\n',
}


@pytest.mark.parametrize("system", SYSTEMS)
def test_another_system_than_debian_12_is_left_as_it_is(tmp_path: Path, system: str) -> None:
    release, unfinished = tmp_path / "os-release", tmp_path / "made" / "unfinished"
    release.write_text(SYSTEMS[system])
    text = docker_script("/nowhere").text
    text = text.replace("/etc/os-release", str(release)).replace(DOCKER_UNFINISHED, str(unfinished))
    no_programs = {"PATH": str(tmp_path)}

    done = subprocess.run(["/bin/sh", "-s"], input=text, env=no_programs, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "packages of Docker Engine are of debian 12, and this is" in done.stderr
    assert SYSTEMS[system].rpartition('="')[2].strip('"\n') in done.stderr
    assert not unfinished.parent.exists(), "it was begun"
