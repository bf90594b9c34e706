from __future__ import annotations

import io
import shlex
import subprocess
import tarfile

from windlass_lab.hosts import Ground, host_archive
from windlass_lab.keys import KeyPair, new_key_pair
from windlass_lab.machine import Machine

KEYS = KeyPair("private\n", "ssh-ed25519 AAAA")


def entries(archive: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return {entry.name: entry for entry in opened}


def test_private_files_are_private_and_the_login_is_its_users() -> None:
    files = entries(host_archive(KEYS, "ssh-ed25519 LOGIN", {}))
    assert files["entry.sh"].mode == 0o755
    assert files["etc/ssh/ssh_host_ed25519_key"].mode == 0o600
    assert (files["home/ops/.ssh"].mode, files["home/ops/.ssh"].uid) == (0o700, 1000)
    assert (files["home/ops/.ssh/authorized_keys"].mode, files["home/ops/.ssh/authorized_keys"].uid) == (0o600, 1000)


def test_settings_are_read_by_a_shell_as_they_were_given() -> None:
    archive = host_archive(KEYS, "ssh-ed25519 LOGIN", {"NAMESERVERS": "192.0.2.1 192.0.2.2", "BARE": ""})
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        content = opened.extractfile("etc/windlass-lab.env")
        assert content is not None
        script = content.read().decode() + 'printf "%s|%s" "$NAMESERVERS" "$BARE"'
    shown = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert shown == "192.0.2.1 192.0.2.2|"


def test_keys_are_in_the_formats_of_openssh(tmp_path: object) -> None:
    pair = new_key_pair()
    assert pair.private.startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert shlex.split(pair.public)[0] == "ssh-ed25519"


def test_the_gateway_is_the_name_server_of_last_resort() -> None:
    assert Ground(Machine((), (), has_modules=False), "10.87.5.1").nameservers == ("10.87.5.1",)
    assert Ground(Machine((), ("192.0.2.53",), has_modules=False), "10.87.5.1").nameservers == ("192.0.2.53",)
