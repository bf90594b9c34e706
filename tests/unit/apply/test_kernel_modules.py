"""Which modules of the kernel a host lacks: the script's own text, on files that stand for a host's."""

from __future__ import annotations

import gzip
import subprocess
from pathlib import Path

import pytest

from windlass.domain.scripts.kernel_modules import lacking_modules_script

CONFIG = "CONFIG_VXLAN=m\nCONFIG_GAUGE_CORE=y\n# CONFIG_WIREGUARD is not set\n"
LISTS = "kernel/drivers/net/vxlan/vxlan.ko: kernel/net/ipv4/udp_tunnel.ko\nkernel/net/gauge-core.ko.xz:\n"


def lacks(root: Path, *modules: str) -> list[str]:
    text = lacking_modules_script(modules).text.replace("$(uname -r)", "6.1.0")
    for directory in ("/lib/", "/proc/", "/boot/", "/sys/"):
        text = text.replace(f" {directory}", f" {root}{directory}")
    done = subprocess.run(["sh"], input=text, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return [line.removeprefix("lacks=") for line in done.stdout.splitlines()]


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.mark.parametrize(
    "files",
    [
        {"proc/config.gz": gzip.compress(CONFIG.encode())},
        {"boot/config-6.1.0": CONFIG.encode()},
        {"lib/modules/6.1.0/modules.dep": LISTS.encode()},
        {"lib/modules/6.1.0/modules.builtin": LISTS.encode(), "proc/config.gz": gzip.compress(b"CONFIG_X=y\n")},
    ],
)
def test_what_the_kernel_was_not_built_with_is_told(tmp_path: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        write(tmp_path / name, content)
    assert lacks(tmp_path, "vxlan", "gauge_core", "wireguard", "lan") == ["wireguard", "lan"]
    (tmp_path / "sys/module/wireguard").mkdir(parents=True)
    assert lacks(tmp_path, "wireguard") == []


def test_a_host_that_does_not_know_is_taken_to_have_them(tmp_path: Path) -> None:
    write(tmp_path / "lib/modules/5.9.0/modules.dep", LISTS.encode())
    assert lacks(tmp_path, "wireguard") == []
