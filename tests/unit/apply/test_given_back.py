"""What a removal takes away of networks, cgroups and an engine: the scripts' own text, on a directory as the root.

Only programs that stand for a host's, and those that read text, are on PATH.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from unit.apply.test_host_record import Host
from windlass.domain.catalog.drivers import HostTraces
from windlass.domain.host.layout import ENGINE_MARK, ENGINE_UNIT, HOST_RECORD
from windlass.domain.scripts.driver_traces import trace_words
from windlass.domain.scripts.engine import CHECK_ENGINE, END_ENGINE
from windlass.domain.scripts.host_record import REMOVE_CGROUPS, REMOVE_TABLES
from windlass.domain.scripts.left_traces import remove_traces_script
from windlass.domain.scripts.nft_tables import REMOVE_NFT_TABLES
from windlass.domain.scripts.uninstall import END_RUNTIME, REMOVE_NETWORK

TRACES = HostTraces(("kube-ipvs0", "flannel.1", "flannel-v6.1"), ("flannel",), ("KUBE", "FLANNEL"), ("kube-proxy",))

PROGRAMS = {
    **{f"{name}-save": f"#!/bin/sh\ncat $HOST/{name}\n" for name in ("iptables", "ip6tables")},
    **{f"{name}-restore": f"#!/bin/sh\ncat >$HOST/{name}.new; [ $# = 0 ] || echo $* >$HOST/{name}.how\n"
       f"mv $HOST/{name}.new $HOST/{name}\n" for name in ("iptables", "ip6tables")},
    "docker": """#!/bin/sh
case "$*" in 'ps -aq'|'ps -a --format'*) cat $HOST/containers ;; 'network ls -q') echo 0123456789ab ;; esac
""",
    "systemctl": """#!/bin/sh
case $1 in list-units) cat $HOST/slices; exit ;; is-active) exit 3 ;; esac
echo "systemctl $*" >>$HOST/calls
""",
    "ip": """#!/bin/sh
case "$*" in
  "-o link") cat $HOST/links ;;
  "link show "*) grep -q " $3[:@]" $HOST/links ;;
  "netns list") echo cni-1; echo theirs ;;
  "route"|"-4 route") cat $HOST/routes ;;
  *delete*) echo "ip $*" >>$HOST/calls ;;
esac
""",
    "nft": """#!/bin/sh
case "$1 $2" in
  "list tables") for file in $HOST/nft/*; do echo "table ip ${file##*/}"; done ;;
  "list table") cat $HOST/nft/$4 ;;
  "delete table") rm $HOST/nft/$4 2>/dev/null ;;
esac
""",
    "sleep": "#!/bin/sh\necho . >>$HOST/slept\n",
    "umount": '#!/bin/sh\necho "umount $*" >>$HOST/calls\n',
    "pgrep": "#!/bin/sh\nexit 1\n",
}  # fmt: skip
TOOLS = ("awk", "cat", "cut", "find", "grep", "mkdir", "mv", "readlink", "rm", "rmdir", "sed", "sh", "sort", "tr")
OUTER = [
    "*nat",
    ":DOCKER_OUTPUT - [0:0]",
    "-A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT",
    "-A INPUT -i br-lan -j ACCEPT",
]
"""Of an engine around a host that is itself a container, and of a bridge of somebody's."""
THEIRS = [
    *OUTER,
    "COMMIT",
    "*filter",
    ":INPUT ACCEPT [1:2]",
    ":FORWARD DROP [0:0]",
    ":MINE - [0:0]",
    "-A INPUT -s 192.0.2.7/32 -j MINE",
]
OF_DOCKER = [
    ":DOCKER - [0:0]",
    ":DOCKER-ISOLATION-STAGE-1 - [0:0]",
    ":DOCKER-USER - [0:0]",
    "-A FORWARD -j DOCKER-USER",
    "-A FORWARD -i docker0 ! -o docker0 -j ACCEPT",
    "-A FORWARD -i br-0123456789ab -j ACCEPT",
]
OF_PODS = [
    ":KUBE-SERVICES - [0:0]",
    ":CNI-FORWARD - [0:0]",
    "-A FORWARD -j KUBE-SERVICES",
    "-A FORWARD -j CNI-FORWARD",
    "-A FORWARD -m comment --comment flanneld -j FLANNEL-FWD",
]
THEIRS_LIKE_PODS = [":MY-KUBE-RULES - [0:0]", '-A INPUT -m comment --comment "not KUBE-PROXY" -j MY-KUBE-RULES']


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setenv("HOST", str(tmp_path))
    host = Host(tmp_path)
    for program in (tmp_path / "bin").iterdir():
        program.unlink()
    for name, text in PROGRAMS.items():
        host.write(f"/bin/{name}", text).chmod(0o755)
    for name in TOOLS:
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    for name in ("iptables", "ip6tables", "containers", "slices", "links", "routes", "proc/mounts"):
        host.write(name, "")
    return host


def have(host: Host, *rules: str) -> None:
    host.write("iptables", "\n".join((*rules, "COMMIT")) + "\n")


def rules(host: Host) -> list[str]:
    return (host / "iptables").read_text().splitlines()


def end_engine(host: Host, engine: str = "up") -> tuple[str, ...]:
    return host.run(f'gone() {{ echo "changed: $1"; }}\nengine={engine}\n{END_ENGINE}exit 0\n')


def remove_network(host: Host) -> tuple[str, ...]:
    return host.run(
        f'gone() {{ echo "changed: $1"; }}\n{trace_words(("10.244.0.0/16",), TRACES)}{REMOVE_NETWORK}exit 0\n'
    )


def bring_engine(host: Host, *, forward: str = "ACCEPT", is_all_ours: bool = True) -> None:
    host.write(ENGINE_UNIT, f"{ENGINE_MARK}\n[Service]\n")
    host.write(f"{HOST_RECORD}/iptables", f"*mangle\n:FORWARD DROP [0:0]\nCOMMIT\n*filter\n:FORWARD {forward} [1:2]\n")
    if is_all_ours:
        host.write("/opt/windlass/docker-data", "")
    host.write("/var/lib/docker/image/1", "")
    (host / "/usr/local/bin").mkdir(parents=True)
    (host / "/usr/local/bin/docker").symlink_to(host / "/opt/windlass/docker-engine/v29/bin/docker")


def test_rules_of_pods_go_and_all_others_stay(host: Host) -> None:
    have(host, *THEIRS, *THEIRS_LIKE_PODS, *OF_DOCKER, *OF_PODS)
    assert remove_network(host) == ("iptables chains",)
    assert rules(host) == [*THEIRS, *THEIRS_LIKE_PODS, *OF_DOCKER, "COMMIT"]
    assert remove_network(host) == ()


OF_A_DRIVER = HostTraces(("gauge0",), ("gauge",), ("GAUGE",), (), ("/run/gauge*",))


def test_of_a_driver_that_leaves_chains_and_what_leads_there_go_by_their_names(host: Host) -> None:
    own = [
        ":GAUGE-IN - [0:0]",
        "-A GAUGE-IN -j ACCEPT",
        '-A INPUT -m comment --comment "to -j MINE" -j GAUGE-IN',
        "-A MINE -g GAUGE-IN",
    ]
    have(host, *THEIRS, *OF_PODS, '-A INPUT -m comment --comment "not -j GAUGE-IN" -j MINE', *own)
    assert host.run(remove_traces_script(OF_A_DRIVER).text) == ("iptables chains",)
    assert rules(host) == [
        "*filter",
        '-D INPUT -m comment --comment "to -j MINE" -j GAUGE-IN',
        "-D MINE -g GAUGE-IN",
        "-F GAUGE-IN",
        "-X GAUGE-IN",
        "COMMIT",
    ]
    assert (host / "iptables.how").read_text() == "--noflush -w 10\n"
    assert host.run(remove_traces_script(OF_A_DRIVER).text) == ()


def test_of_a_driver_that_leaves_interfaces_routes_and_files_go_and_those_of_pods_stay(host: Host) -> None:
    host.write("links", "1: lo: <UP>\n2: gauge0: <UP>\n3: cni0: <UP>\n4: veth12@if2: <UP> master cni0\n")
    host.write("routes", "10.9.0.0/24 via 10.9.0.1 dev gauge1 onlink\n10.244.1.0/24 dev cni0 proto kernel\n")
    host.write("/run/gauge-1/socket", "")
    host.write("/run/flannel/subnet.env", "")
    done = host.run(remove_traces_script(OF_A_DRIVER).text.replace("/run/", f"{host.root}/run/"))
    assert done == ("interface gauge0", "route 10.9.0.0/24 dev gauge1", f"{host.root}/run/gauge-1")
    assert host.calls() == ["ip link delete gauge0", "ip -4 route delete 10.9.0.0/24 dev gauge1"]
    assert [one.name for one in (host / "run").iterdir()] == ["flannel"]


def test_tables_of_nftables_go_once_pods_have_ended(host: Host) -> None:
    for name in ("kube-proxy", "kube-network-policies", "theirs"):
        host.write(f"nft/{name}", EMPTY)
    words = trace_words((), HostTraces(tables=("kube-proxy", "kube-network-policies")))
    assert host.run(f'gone() {{ echo "changed: $1"; }}\n{words}{REMOVE_NFT_TABLES}exit 0\n') == (
        "nft table ip kube-proxy",
        "nft table ip kube-network-policies",
    )
    assert [file.name for file in (host / "nft").iterdir()] == ["theirs"]


def test_interfaces_and_routes_of_pods_go_and_all_others_stay(host: Host) -> None:
    host.write(
        "links", "1: lo: <UP>\n2: eth0: <UP>\n3: cni0: <UP>\n4: veth12@if2: <UP> master cni0\n5: veth9@if3: <UP>\n"
    )
    host.write("routes", "default via 192.0.2.1 dev eth0\n10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink\n")
    assert remove_network(host) == ("interface cni0", "interface veth12", "route 10.244.1.0/24")
    assert host.calls() == [
        "ip netns delete cni-1",
        "ip link delete cni0",
        "ip link delete veth12",
        "ip route delete 10.244.1.0/24",
    ]


@pytest.mark.parametrize("before", ["ACCEPT", "DROP"])
def test_an_engine_that_windlass_brought_goes_with_its_rules_links_and_data(host: Host, before: str) -> None:
    bring_engine(host, forward=before)
    have(host, *THEIRS, *OF_DOCKER)
    mounts = ("/run/docker/netns/default", "/var/lib/docker/rootfs/1", "/var/lib/other", "/run/dockerish")
    host.write("proc/mounts", "".join(f"tmpfs {path} tmpfs rw 0 0\n" for path in mounts))
    host.write("/run/docker/netns/default", "")

    assert end_engine(host) == ("docker engine",)

    assert rules(host) == [line.replace("FORWARD DROP", f"FORWARD {before}") for line in THEIRS] + ["COMMIT"]
    assert not (host / ENGINE_UNIT).exists()
    assert not (host / "/var/lib/docker").exists()
    assert not (host / "/run/docker").exists()
    assert not (host / "/usr/local/bin/docker").is_symlink()
    assert host.calls() == [
        "systemctl disable --now --quiet docker",
        "systemctl kill --signal KILL docker",
        "umount -l /var/lib/docker/rootfs/1",
        "umount -l /run/docker/netns/default",
        "ip link delete docker0",
        "ip link delete br-0123456789ab",
    ]
    assert end_engine(host, "none") == ()


@pytest.mark.parametrize("dies_at", ["systemctl", "umount", "ip", "iptables-restore"])
def test_what_was_broken_off_is_taken_away_by_the_next_run(host: Host, dies_at: str) -> None:
    bring_engine(host)
    have(host, *THEIRS, *OF_DOCKER)
    host.write("proc/mounts", "tmpfs /var/lib/docker/rootfs/1 tmpfs rw 0 0\n")
    program = host / f"/bin/{dies_at}"
    works = program.read_text()
    program.write_text("#!/bin/sh\nkill -9 $(cat $HOST/script)\n")
    begin = f'echo $$ >{host / "script"}\ngone() {{ echo "changed: $1"; }}\nengine=up\n'
    with pytest.raises(AssertionError, match="-9"):
        host.run(begin + END_ENGINE)
    program.write_text(works)

    assert end_engine(host, "none") == ("docker engine",)
    assert rules(host) == [line.replace("FORWARD DROP", "FORWARD ACCEPT") for line in THEIRS] + ["COMMIT"]
    assert not (host / "/var/lib/docker").exists()
    assert not (host / ENGINE_UNIT).exists()


def test_data_that_was_there_before_the_engine_stays(host: Host) -> None:
    bring_engine(host, is_all_ours=False)
    assert end_engine(host) == ("docker engine",)
    assert (host / "/var/lib/docker/image/1").exists()


@pytest.mark.parametrize("engine", ["up", "silent"])
def test_an_engine_that_windlass_brought_and_others_use_stays_and_is_named(host: Host, engine: str) -> None:
    bring_engine(host)
    host.write("containers", "theirs\n" if engine == "up" else "")
    have(host, *THEIRS, *OF_DOCKER)
    assert end_engine(host, engine) == ()
    assert rules(host) == [*THEIRS, *OF_DOCKER, "COMMIT"]
    assert (host / "/var/lib/docker/image/1").exists()
    assert host.calls() == []

    told = "theirs" if engine == "up" else "it does not say which"
    said = f'add() {{ echo "changed: $1"; }}\n{CHECK_ENGINE}check_engine\n'
    (found,) = host.run(said)
    assert found.strip() == f"Windlass's Docker Engine, which has other containers: {told}"


def test_an_engine_of_the_hosts_own_is_not_touched(host: Host) -> None:
    host.write(ENGINE_UNIT, "[Service]\nExecStart=/usr/bin/dockerd\n")
    host.write("/var/lib/docker/image/1", "")
    have(host, *THEIRS, *OF_DOCKER)
    assert end_engine(host) == ()
    assert rules(host) == [*THEIRS, *OF_DOCKER, "COMMIT"]
    assert (host / "/var/lib/docker/image/1").exists()
    assert host.calls() == []


def test_chains_of_an_engine_that_were_there_before_stay(host: Host) -> None:
    bring_engine(host)
    kept = [":DOCKER-USER - [0:0]", "-A DOCKER-USER -s 192.0.2.9/32 -j DROP"]
    host.write(f"{HOST_RECORD}/iptables", "\n".join(["*filter", ":FORWARD ACCEPT [0:0]", *kept, "COMMIT"]))
    have(host, "*filter", *kept, ":DOCKER-CT - [0:0]", "-A DOCKER-USER -j RETURN", "-A FORWARD -j DOCKER-CT")
    end_engine(host)
    assert rules(host) == ["*filter", *kept, "COMMIT"]


def test_where_nobody_noted_the_rules_the_policy_stays(host: Host) -> None:
    bring_engine(host)
    (host / f"{HOST_RECORD}/iptables").unlink()
    have(host, *THEIRS, *OF_DOCKER)
    end_engine(host)
    assert rules(host) == [*THEIRS, "COMMIT"]


EMPTY = """table ip filter {
	chain INPUT {
		type filter hook input priority filter; policy accept;
	}
}
"""


@pytest.mark.parametrize(
    ("text", "before", "stays"),
    [
        (EMPTY, "table ip nat\n", False),
        (EMPTY, "table ip filter\n", True),
        (EMPTY.replace("accept", "drop"), "", True),
        (EMPTY.replace("accept;\n", "accept;\n\t\ttcp dport 22 accept\n"), "", True),
        (EMPTY, None, True),
    ],
    ids=["new and empty", "there before", "another policy", "with a rule", "nobody noted"],
)
def test_a_table_of_iptables_goes_if_it_is_new_and_empty(
    host: Host, text: str, before: str | None, *, stays: bool
) -> None:
    host.write("nft/filter", text)
    host.write("nft/theirs", EMPTY)
    if before is not None:
        host.write(f"{HOST_RECORD}/tables", before)
    host.run(f"{REMOVE_TABLES}exit 0\n")
    assert (host / "nft/filter").exists() is stays
    assert (host / "nft/theirs").exists()


def cgroups(host: Host) -> list[str]:
    root = host / "/sys/fs/cgroup"
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_dir())


def test_slices_of_pods_go_in_each_hierarchy_of_cgroups(host: Host) -> None:
    host.write("slices", "kubepods.slice loaded active active\nkubepods-besteffort.slice loaded active active\n")
    for path in (
        "kubepods.slice/kubepods-burstable.slice",
        "memory/kubepods.slice/pod1",
        "memory/docker",
        "x/docker/4f",
    ):
        (host / "/sys/fs/cgroup" / path).mkdir(parents=True)
    host.write(f"{HOST_RECORD}/cgroups", "")
    assert host.run(f"{trace_words((), TRACES)}{END_RUNTIME}{REMOVE_CGROUPS}exit 0\n") == ("cgroup slices",)
    assert "systemctl stop kubepods.slice kubepods-besteffort.slice" in host.calls()
    assert cgroups(host) == ["memory", "x", "x/docker", "x/docker/4f"]
    assert not (host / "slept").exists()


def test_cgroups_that_were_there_before_stay_and_those_that_are_busy_are_waited_for(host: Host) -> None:
    for path in ("kubepods.slice", "docker", "memory/docker", "memory/kubepods.slice"):
        (host / "/sys/fs/cgroup" / path).mkdir(parents=True)
    there = (host / "/sys/fs/cgroup" / path for path in ("kubepods.slice", "docker"))
    host.write(f"{HOST_RECORD}/cgroups", "".join(f"{path}\n" for path in there))
    busy = host.write("/sys/fs/cgroup/memory/kubepods.slice/process", "")
    host.write("/bin/sleep", f"#!/bin/sh\necho . >>$HOST/slept\nrm -f {busy}\n")
    host.run(f"{REMOVE_CGROUPS}exit 0\n")
    assert cgroups(host) == ["docker", "kubepods.slice", "memory"]
    assert (host / "slept").read_text() == ".\n"
