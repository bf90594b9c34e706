"""A real sshd as an ordinary process on loopback, with keys of its own; no lab is needed."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from windlass.effects.ssh.connection import SshTarget

pytest.register_assert_rewrite("contracts.ssh")

SSHD = Path("/usr/sbin/sshd")

CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {directory}/host_ed25519
HostKey {directory}/host_ecdsa
AuthorizedKeysFile {directory}/authorized_keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
MaxStartups 100
SetEnv HOME={directory}
"""


@dataclass(frozen=True)
class Sshd:
    """A running sshd: its directory of keys, and how to log in."""

    directory: Path
    target: SshTarget

    def public_key(self, name: str) -> str:
        """Give type and base64 of one of its keys."""
        return " ".join((self.directory / f"{name}.pub").read_text().split()[:2])

    def known_host(self, name: str = "host_ed25519") -> str:
        """Give the known_hosts line of one of its host keys."""
        return f"[127.0.0.1]:{self.target.port} {self.public_key(name)}"

    def trusted(self) -> SshTarget:
        """Give a target that knows the host key."""
        return replace(self.target, known_hosts=(self.known_host(),))


def generate_key(path: Path, kind: str = "ed25519") -> str:
    """Make a key pair and give the private key."""
    size = {"rsa": ["-b", "2048"]}.get(kind, [])
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-f", str(path)], check=True)
    return path.read_text()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    pytest.fail(f"sshd did not start: {log.read_text()}")


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    if not SSHD.exists() or not shutil.which("ssh-keygen"):
        pytest.fail("no sshd here: install it with `apt-get install openssh-server` (it need not be started)")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd confines its unprivileged half
    directory = tmp_path_factory.mktemp("sshd")
    for kind in ("ed25519", "ecdsa"):
        generate_key(directory / f"host_{kind}", kind)
    private_key = generate_key(directory / "login")
    shutil.copy(directory / "login.pub", directory / "authorized_keys")
    port = free_port()
    (directory / "config").write_text(CONFIG.format(port=port, directory=directory))
    log = directory / "log"
    with log.open("wb") as stderr:
        process = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(directory / "config")], stderr=stderr)
    try:
        wait_for_port(port, process, log)
        yield Sshd(directory, SshTarget("cp-1", "127.0.0.1", getpass.getuser(), private_key, port))
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def new_key() -> Callable[..., str]:
    """Makes key pairs."""
    return generate_key
