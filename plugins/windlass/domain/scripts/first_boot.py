"""The first boot of a machine that a cloud makes: user data for cloud-init, and what the machine says of itself.

sshd lets in who has the one key, and nobody else by key or password. Once it answers, the machine writes its public
host keys to its console, which nobody but the machine writes to and which is read through the cloud's API: no key on
the network has to be believed, and no private key lies in the user data, which is readable from the machine for ever.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from windlass.errors import SpecError

KEYS_END = "windlass-host-keys-end"
_KEYS = "/etc/ssh/windlass_authorized_keys"
_KEY = re.compile(r"windlass-host-key ([a-z0-9@.-]{1,64}) ([A-Za-z0-9+/=]{16,1000})\s*")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_PUBLIC_KEY = re.compile(r"(ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/=]+")
_BEST = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
"""Kinds of host keys, the one first that is asked for first; each fits into a tag."""
_SSHD = f"""# Written by Windlass at the first boot.
AuthorizedKeysFile {_KEYS}/%u
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
"""
_TELL = f"""#!/bin/sh
# Tells this machine's SSH host keys on its console, once sshd answers. Written by Windlass.
systemctl restart ssh 2>/dev/null || systemctl restart sshd
port=$(sshd -T 2>/dev/null | awk '$1 == "port" {{ print $2; exit }}')
until timeout 2 bash -c ": </dev/tcp/127.0.0.1/${{port:-22}}" 2>/dev/null; do sleep 1; done
{{
  echo
  for file in /etc/ssh/ssh_host_*_key.pub; do
    read -r kind key rest <"$file" && echo "windlass-host-key $kind $key"
  done
  echo {KEYS_END}
}} >/dev/console
"""


@dataclass(frozen=True)
class MachineLogin:
    """Who is let in to a new machine: one user, by one key."""

    user: str
    public_key: str
    """As a line of an authorized_keys file, without a comment."""
    port: int = 22

    def __post_init__(self) -> None:
        if not _USER.fullmatch(self.user):
            raise SpecError(f"`{self.user}` cannot be made as a login; set spec.hosts.ssh.user to a plain name")
        if not _PUBLIC_KEY.fullmatch(self.public_key):
            raise SpecError("the SSH connection's key is none that sshd takes; give it an ed25519, ECDSA or RSA key")


def first_boot(login: MachineLogin) -> str:
    """Return the user data: a cloud-config in JSON, which is YAML too."""
    user = {"name": login.user, "sudo": "ALL=(ALL) NOPASSWD:ALL", "shell": "/bin/bash", "lock_passwd": True}
    config = {
        "users": [{**user, "ssh_authorized_keys": [login.public_key]}],
        "ssh_pwauth": False,
        "disable_root": True,
        "write_files": [
            _file("/etc/ssh/sshd_config.d/00-windlass.conf", _sshd(login.port), "0600"),
            _file(f"{_KEYS}/{login.user}", f"{login.public_key}\n", "0644"),
            _file("/var/lib/cloud/windlass-tell-host-keys", _TELL, "0700"),
        ],
        "runcmd": [["/var/lib/cloud/windlass-tell-host-keys"]],
    }
    return f"#cloud-config\n{json.dumps(config, indent=1)}\n"


def host_key_told(console: str) -> str | None:
    """Return the host key (`type base64`) that a machine has said on its console; None until it has said all."""
    lines = console.splitlines()
    ends = [index for index, line in enumerate(lines) if line.strip() == KEYS_END]
    if not ends:
        return None
    found = (_KEY.search(line) for line in lines[: ends[0]])
    told: Mapping[str, str] = {one[1]: one[2] for one in found if one is not None and _is_base64(one[2])}
    return next((f"{kind} {told[kind]}" for kind in _BEST if kind in told), None)


def _sshd(port: int) -> str:
    return _SSHD if port == 22 else f"{_SSHD}Port {port}\n"


def _file(path: str, content: str, mode: str) -> dict[str, str]:
    return {"path": path, "content": content, "permissions": mode, "owner": "root:root"}


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return True
