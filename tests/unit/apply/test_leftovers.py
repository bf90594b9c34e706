"""What a removal finds left runs for real, with programs on PATH that stand for those of a host."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from windlass.domain.catalog.drivers import HostTraces
from windlass.domain.scripts import uninstall
from windlass.domain.scripts.uninstall import removal_script

DOCKER = """#!/bin/sh
[ ! -e $HOST/no-docker ] || { echo "Cannot connect to the Docker daemon" >&2; exit 1; }
case "$*" in
  "ps -q") ;;
  *"label=io.windlass.cluster"*) cat $HOST/containers 2>/dev/null ;;
  *"project=windlass-etcd"*) cat $HOST/etcd 2>/dev/null ;;
esac
exit 0
"""
PROGRAMS = {
    "docker": DOCKER,
    "dockerd": "#!/bin/sh\n",
    "systemctl": "#!/bin/sh\n[ -e $HOST/active-$3 ]\n",
    "ps": "#!/bin/sh\ncat $HOST/processes 2>/dev/null || true\n",
    "sleep": "#!/bin/sh\necho . >> $HOST/slept\n",
}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in PROGRAMS.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("HOST", str(tmp_path))
    (tmp_path / "mounts").write_text("overlay / overlay rw 0 0\n")
    return tmp_path


def left_on(host: Path) -> tuple[int, str]:
    """Run the part of the script that looks for what is left; nothing of the machine itself is read."""
    text = f"{uninstall._CHECKS}{uninstall._END}"
    for path in ("/var/lib/docker", "/var/lib/windlass/*", "/var/lib/kubelet/*", "/etc/systemd/system"):
        assert path in text
        text = text.replace(path, f"{host}{path}")
    text = text.replace("/proc/mounts", f"{host}/mounts")
    ended = subprocess.run(["sh", "-s"], input=text, capture_output=True, text=True, check=False, timeout=60)
    return ended.returncode, ended.stderr.strip()


def test_a_clean_host_is_clean(host: Path) -> None:
    assert left_on(host) == (0, "")
    assert not (host / "slept").exists()


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("containers", "windlass-control-plane-kube-apiserver-1\nmine\n", "container mine"),
        ("etcd", "windlass-etcd-etcd-1\n", "container windlass-etcd-etcd-1"),
        ("active-kubelet", "", "unit kubelet"),
        ("active-windlass-containerd", "", "unit windlass-containerd"),
        ("mounts", "tmpfs /var/lib/kubelet/pods/1/volumes tmpfs rw 0 0\n", "mount /var/lib/kubelet/pods/1/volumes"),
        ("mounts", "overlay /run/windlass/containerd/x overlay rw 0 0\n", "mount /run/windlass/containerd/x"),
        ("processes", "12 Sl /opt/windlass/v1.37.2/bin/kubelet --config=x\n", "process 12 (kubelet)"),
        ("processes", "13 Ssl etcd --cert-file=/etc/windlass/pki/etcd/server.crt\n", "process 13 (etcd)"),
        ("processes", "14 Sl haproxy -W -f /etc/windlass/stacks/api-proxy/haproxy.cfg\n", "process 14 (haproxy)"),
        ("processes", "15 Sl /usr/bin/containerd-shim-runc-v2 -address /run/windlass/containerd.sock\n", "process 15"),
    ],
)
def test_whatever_is_left_is_named_and_fails(host: Path, file: str, content: str, told: str) -> None:
    (host / file).write_text(content)
    code, error = left_on(host)
    assert code == 1
    assert error.startswith("left on the host: ")
    assert told in error


def test_all_that_is_left_stands_in_one_line(host: Path) -> None:
    (host / "active-kubelet").touch()
    (host / "etcd").write_text("windlass-etcd-etcd-1\n")
    (host / "var/lib/windlass/etcd").mkdir(parents=True)
    assert left_on(host) == (
        1,
        f"left on the host: container windlass-etcd-etcd-1; unit kubelet; directory {host}/var/lib/windlass/etcd",
    )


def test_what_others_run_and_what_has_ended_is_not_taken_for_ours(host: Path) -> None:
    (host / "processes").write_text(
        "1 Ss /sbin/init\n20 Sl etcd --data-dir=/srv/etcd\n21 Z kubelet /opt/windlass/x\n"
        "22 S vi /etc/windlass/cluster\n23 Sl /usr/bin/containerd\n"
    )
    (host / "var/lib/kubelet/lost+found").mkdir(parents=True)
    assert left_on(host) == (0, "")


def test_an_engine_that_does_not_answer_may_hold_containers_and_that_is_told(host: Path) -> None:
    (host / "no-docker").touch()
    code, error = left_on(host)
    assert code == 1
    assert "maybe containers: Docker does not answer (Cannot connect to the Docker daemon)" in error


def test_an_engine_that_does_not_answer_and_has_no_containers_is_passed_over(host: Path) -> None:
    (host / "no-docker").touch()
    (host / "var/lib/docker/containers").mkdir(parents=True)
    assert left_on(host) == (0, "")
    (host / "var/lib/docker/containers/4f").mkdir()
    assert left_on(host)[0] == 1


def test_what_was_killed_is_given_a_moment(host: Path) -> None:
    (host / "processes").write_text("12 Sl /opt/windlass/v1.37.2/bin/kubelet\n")
    (host / "bin/sleep").write_text("#!/bin/sh\nrm -f $HOST/processes\n")
    assert left_on(host) == (0, "")


def test_a_removal_ends_with_what_it_finds_left() -> None:
    assert removal_script(("10.244.0.0/16",), HostTraces()).text.endswith(uninstall._END)
