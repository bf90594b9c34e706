"""What a host was is noted and put back for real, below a directory that stands for the host's root."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from windlass.domain.host.layout import DOCKER_ADDED, DOCKER_DAEMON, DOCKER_RESTORED, ENGINE_MARK, ENGINE_UNIT
from windlass.domain.host.layout import HOST_RECORD as RECORD
from windlass.domain.scripts.combine import in_turn
from windlass.domain.scripts.host_record import (
    LIST_IMAGES,
    PUT_FILES_BACK,
    PUT_SETTINGS_BACK,
    TAKE_IMAGES,
    note_host_script,
    parameter_names,
)
from windlass.domain.scripts.install import docker_images_script
from windlass.domain.scripts.own_files import own_files_script
from windlass.domain.scripts.script import changes_of

DOCKER = """#!/bin/sh
# One image a file, named as a registry names it; in it the id. `used` has those of containers that are not Windlass's.
[ ! -e $HOST/silent ] || exit 1
ref() { echo "$HOST/images/$(echo "$1" | tr / _)"; }
case "$*" in
  "images -aq --no-trunc") cat $HOST/images/* 2>/dev/null; exit 0 ;;
  "images -a --digests"*) exit 0 ;;
  "pull -q "*) echo "sha256:of-$3" >"$(ref "$3")" ;;
  "image inspect"*) cat "$(ref "$5")" 2>/dev/null ;;
  "rmi "*) ! grep -qxF "$2" $HOST/used 2>/dev/null && rm "$(ref "$2")" ;;
  "ps -a --no-trunc --filter label=io.windlass.cluster"*) cat $HOST/ours 2>/dev/null; exit 0 ;;
  "ps -q") cat $HOST/used 2>/dev/null; exit 0 ;;
esac
"""
SYSCTL = """#!/bin/sh
for last; do :; done
case $1 in
  -n) cat "$HOST/kernel/$last" ;;
  *) [ -e "$HOST/kernel/${last%%=*}" ] && echo "${last#*=}" >"$HOST/kernel/${last%%=*}" ;;
esac
"""
PROGRAMS = {
    "docker": DOCKER,
    "dockerd": "#!/bin/sh\n",
    "sysctl": SYSCTL,
    "systemctl": '#!/bin/sh\necho "$*" >>$HOST/calls\n',
    **{name: f"#!/bin/sh\necho {name}\n" for name in ("iptables-save", "ip6tables-save")},
    "nft": "#!/bin/sh\necho table ip filter\n",
    "umount": "#!/bin/sh\n",
    "systemd-detect-virt": "#!/bin/sh\n[ -e $HOST/is-container ]\n",
}
PLUGIN = "/usr/local/lib/docker/cli-plugins/docker-compose"
FORWARDING, MAPS = "net.ipv4.ip_forward", "vm.max_map_count"
LOCALNET = "net.ipv4.conf.all.route_localnet"


class Host:
    def __init__(self, root: Path) -> None:
        self.root = root
        for name, text in PROGRAMS.items():
            self.write(f"/bin/{name}", text).chmod(0o755)
        for name, value in {FORWARDING: "0", MAPS: "65530"}.items():
            self.write(f"/kernel/{name}", f"{value}\n")
        (root / "images").mkdir()
        self.write("/proc/net/unix", "")

    def __truediv__(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def write(self, path: str, text: str) -> Path:
        (self / path).parent.mkdir(parents=True, exist_ok=True)
        (self / path).write_text(text)
        return self / path

    def run(self, text: str) -> tuple[str, ...]:
        text = re.sub(r"(?<=[\s=|(>])/(etc|lib|opt|proc|run|sys|usr|var)\b", rf"{self.root}/\1", text)
        text = text.replace("/kept/", f"/kept{self.root}/")
        done = subprocess.run(["sh", "-s"], input=text, capture_output=True, text=True, check=False, timeout=30)
        assert (done.returncode, done.stderr) == (0, "")
        return changes_of(done.stdout)

    def note(self, *parameters: str) -> None:
        assert self.run(note_host_script(parameters or (FORWARDING, MAPS)).text) == ()

    def put_back(self, engine: str = "up") -> tuple[str, ...]:
        begin = f'gone() {{ echo "changed: $1"; }}\nengine={engine}\n'
        return self.run(begin + LIST_IMAGES + TAKE_IMAGES + PUT_SETTINGS_BACK + PUT_FILES_BACK + "exit 0\n")

    def set_parameters(self, **values: str) -> None:
        lines = "".join(f"-{name} = {value}\n" for name, value in values.items())
        self.write("/etc/sysctl.d/90-windlass.conf", f"# Windlass's\n{lines}")
        for name, value in values.items():
            self.write(f"/kernel/{name}", f"{value}\n")

    def parameter(self, name: str) -> str:
        return (self / f"/kernel/{name}").read_text().strip()

    def images(self) -> set[str]:
        return {path.name for path in (self / "/images").iterdir()}

    def calls(self) -> list[str]:
        path = self / "/calls"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("HOST", str(tmp_path))
    return Host(tmp_path)


def test_names_of_parameters_are_read_from_a_file_of_them() -> None:
    assert parameter_names("# a = 1\n-net.ipv4.ip_forward = 1\nvm.max_map_count=2\n") == (FORWARDING, MAPS)


def test_a_host_is_noted_once_before_it_is_changed(host: Host) -> None:
    host.note()
    host.set_parameters(**{FORWARDING: "1", MAPS: "262144"})
    host.note()
    assert (host / RECORD / "parameters").read_text() == f"{FORWARDING}=0\n{MAPS}=65530\n"
    assert (host / RECORD).stat().st_mode & 0o777 == 0o700


def test_a_note_that_was_broken_off_is_begun_anew(host: Host) -> None:
    host.write(f"{RECORD}/absent", f"{host.root}/srv\n")
    host.note()
    assert "/srv\n" not in (host / RECORD / "absent").read_text()


def test_parameters_come_back_but_for_those_that_somebody_has_set_since(host: Host) -> None:
    host.note()
    host.set_parameters(**{FORWARDING: "1", MAPS: "262144"})
    host.write(f"/kernel/{MAPS}", "999999\n")
    assert host.put_back() == ("kernel parameters",)
    assert (host.parameter(FORWARDING), host.parameter(MAPS)) == ("0", "999999")
    assert host.put_back() == ()


def test_a_parameter_that_a_later_release_sets_is_noted_then(host: Host) -> None:
    host.note(FORWARDING)
    host.note(FORWARDING, MAPS)
    host.set_parameters(**{FORWARDING: "0", MAPS: "262144"})
    host.put_back()
    assert host.parameter(MAPS) == "65530"


def test_a_parameter_that_a_component_sets_is_put_back_too(host: Host) -> None:
    host.write(f"/kernel/{LOCALNET}", "0\n")
    host.note(FORWARDING)
    host.write(f"/kernel/{LOCALNET}", "1\n")
    assert host.put_back() == ("kernel parameters",)
    assert host.parameter(LOCALNET) == "0"


def test_rules_tables_and_cgroups_are_noted(host: Host) -> None:
    (host / "/sys/fs/cgroup/memory/docker").mkdir(parents=True)
    host.note()
    noted = {name: (host / RECORD / name).read_text() for name in ("iptables", "ip6tables", "tables", "cgroups")}
    assert noted == {
        "iptables": "iptables-save\n",
        "ip6tables": "ip6tables-save\n",
        "tables": "table ip filter\n",
        "cgroups": f"{host.root}/sys/fs/cgroup/memory/docker\n",
    }


def test_a_host_that_has_none_of_it_is_noted_by_a_shell_that_ends_with_what_fails(host: Host) -> None:
    for name in ("iptables-save", "ip6tables-save", "nft", "docker", "sysctl"):
        host.write(f"/bin/{name}", "#!/bin/sh\nexit 1\n")
    assert host.run(f"set -e\n{note_host_script((FORWARDING, MAPS)).text}") == ()
    assert host.run(in_turn("note-what-is-there", note_host_script((MAPS,)), own_files_script([])).text) == ()
    assert (host / RECORD / "complete").exists()


def test_modes_of_directories_are_put_back(host: Host) -> None:
    for path in ("/etc/cni/net.d", "/var/lib/docker"):
        (host / path).mkdir(parents=True)
        (host / path).chmod(0o700)
    host.note()
    (host / "/etc/cni/net.d").chmod(0o755)
    (host / "/var/lib/docker").chmod(0o710)
    host.put_back()
    assert [(host / path).stat().st_mode & 0o777 for path in ("/etc/cni/net.d", "/var/lib/docker")] == [0o700, 0o700]


@pytest.mark.parametrize("others", [True, False])
def test_what_containerd_made_goes_unless_somebody_listens_there_by_now(host: Host, *, others: bool) -> None:
    host.note()
    for path in ("/run/containerd/s/1", "/run/nri/nri.sock", "/opt/containerd/bin/.keep", "/opt/containerd/lib/theirs"):
        host.write(path, "")
    (host / "/opt/containerd/bin/.keep").unlink()
    (host / "/run/netns").mkdir()
    (host / "/usr/lib/modules").mkdir(parents=True)
    listens = f"0000: 00000002 00000000 00010000 0001 01 7 {host.root}/run/containerd/containerd.sock\n"
    host.write("/proc/net/unix", f"Num RefCount Protocol Flags Type St Inode Path\n{listens if others else ''}")
    host.put_back()
    left = ("/run/containerd", "/run/nri", "/run/netns", "/opt/containerd/bin", "/usr/lib/modules")
    assert [(host / path).exists() for path in left] == [others, False, False, False, False]
    assert (host / "/opt/containerd/lib/theirs").exists()


def test_a_container_puts_back_only_what_it_does_not_share_with_its_machine(host: Host) -> None:
    host.write("/is-container", "")
    host.note()
    host.set_parameters(**{FORWARDING: "1", MAPS: "262144"})
    host.put_back()
    assert (host.parameter(FORWARDING), host.parameter(MAPS)) == ("0", "262144")


def test_images_that_windlass_brought_go_and_those_that_were_there_stay(host: Host) -> None:
    host.write("/images/theirs", "sha256:theirs\n")
    host.write("/images/reg_haproxy:theirs", "sha256:of-reg/haproxy@1\n")
    host.note()
    host.run(docker_images_script(["reg/etcd@1", "reg/haproxy@1", "reg/shared@1"]).text)
    host.write("/used", "reg/shared@1\n")
    host.write("/images/pulled-by-them", "sha256:later\n")
    host.write("/ours", "reg/of-a-stack:1\n")
    host.write("/images/reg_of-a-stack:1", "sha256:stack\n")

    assert host.put_back() == ("image reg/etcd@1", "image reg/of-a-stack:1")

    left = {"theirs", "reg_haproxy:theirs", "reg_haproxy@1", "reg_shared@1", "pulled-by-them"}
    assert host.images() == left


def test_of_an_engine_that_did_not_say_what_it_had_no_image_is_taken(host: Host) -> None:
    host.write("/silent", "")
    host.note()
    (host / "/silent").unlink()
    host.run(docker_images_script(["reg/etcd@1"]).text)
    assert host.put_back() == ()
    assert host.images() == {"reg_etcd@1"}


def test_an_image_is_pulled_on_a_host_that_an_earlier_release_has_prepared(host: Host) -> None:
    assert host.run(docker_images_script(["reg/etcd@1"]).text) == ("image reg/etcd@1",)
    assert host.put_back() == ()


def settings_of(host: Host, before: str | None, restored: str) -> None:
    if before is not None:
        host.write(DOCKER_DAEMON, before).chmod(0o640)
    host.note()
    host.write(DOCKER_DAEMON, '{"live-restore": true}')
    host.write(DOCKER_ADDED, '{"live-restore": true}')
    host.write(DOCKER_RESTORED, restored)


def test_docker_settings_are_what_they_were_with_their_mode(host: Host) -> None:
    settings_of(host, "{ }", "{ }")
    assert host.put_back() == ("docker settings",)
    assert (host / DOCKER_DAEMON).read_text() == "{ }"
    assert (host / DOCKER_DAEMON).stat().st_mode & 0o777 == 0o640
    assert host.calls() == ["restart docker"]
    assert host.put_back() == ()


def test_docker_settings_go_where_none_were_and_so_does_their_directory(host: Host) -> None:
    settings_of(host, None, "")
    assert host.put_back() == ("docker settings",)
    assert not (host / "/etc/docker").exists()


def test_an_engine_with_others_containers_is_not_restarted(host: Host) -> None:
    settings_of(host, "{}", '{"debug": true}')
    host.write("/used", "theirs\n")
    host.put_back()
    assert (host / DOCKER_DAEMON).read_text() == '{"debug": true}'
    assert host.calls() == ["reload docker"]


def test_an_engine_of_windlass_that_has_to_stay_keeps_what_it_needs(host: Host) -> None:
    settings_of(host, None, "")
    host.set_parameters(**{FORWARDING: "1"})
    host.write(ENGINE_UNIT, f"{ENGINE_MARK}\n")
    assert host.put_back() == ()
    assert host.parameter(FORWARDING) == "1"
    (host / ENGINE_UNIT).unlink()
    assert host.put_back("none") == ("docker settings", "kernel parameters")


def test_a_plugin_of_the_owners_comes_back(host: Host) -> None:
    host.write(PLUGIN, "theirs")
    host.note()
    (host / PLUGIN).unlink()
    host.put_back()
    assert (host / PLUGIN).read_text() == "theirs"


def test_a_plugin_that_an_earlier_release_has_linked_is_not_the_owners(host: Host) -> None:
    (host / PLUGIN).parent.mkdir(parents=True)
    (host / PLUGIN).symlink_to(host / "/opt/windlass/artifacts/1/file")
    host.note()
    (host / PLUGIN).unlink()
    host.put_back()
    assert not (host / PLUGIN).is_symlink()


def test_directories_that_were_not_there_go_and_those_that_were_stay_with_what_is_in_them(host: Host) -> None:
    host.write("/opt/cni/bin/theirs", "")
    host.note()
    for path in ("/etc/cni/net.d/10-flannel.conflist", "/var/log/pods/a/1.log", "/etc/docker/key.json"):
        host.write(path, "")
    (host / "/etc/cni/net.d/10-flannel.conflist").unlink()
    host.put_back()
    assert not (host / "/etc/cni").exists()
    assert not (host / "/var/log/pods").exists()
    assert (host / "/etc/docker/key.json").exists()
    assert (host / "/opt/cni/bin/theirs").exists()
