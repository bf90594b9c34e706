"""One of each script that hosts run, from fixed arguments; `golden` beside this file holds their texts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from windlass.domain.artifacts import Artifact, Lock, Locked
from windlass.domain.catalog.drivers import HostTraces
from windlass.domain.host.desired import DesiredHost, DesiredLink, DesiredUnit
from windlass.domain.host.health_check import HealthCheck
from windlass.domain.host.host_checks import HostChecks, ServiceCheck
from windlass.domain.host.layout import ADDRESS_CONFIG, API_PROXY, PROXY_CA, PROXY_CONFIG, PROXY_TRUST, VIRTUAL_ADDRESS
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.rendering.engine import EnginePrograms
from windlass.domain.rendering.installs import HostDirectory, HostImage, Install
from windlass.domain.scripts.apply import after_api, settings_script, stack_script, unit_script
from windlass.domain.scripts.audit_host import audit_script
from windlass.domain.scripts.backup import pack_stacks_script
from windlass.domain.scripts.bootstrap import bootstrap_script, member_origin_script
from windlass.domain.scripts.check_health import health_script
from windlass.domain.scripts.combine import at_once, in_turn
from windlass.domain.scripts.curl import CurlProbe
from windlass.domain.scripts.engine import docker_script
from windlass.domain.scripts.etcd_member import member_ended_script, observe_member_script, restart_member_script
from windlass.domain.scripts.facts import facts_script
from windlass.domain.scripts.hooks import hook_script
from windlass.domain.scripts.host_record import note_host_script
from windlass.domain.scripts.inspect_host import inspect_host
from windlass.domain.scripts.install import (
    directories_script,
    distribution_docker_script,
    docker_images_script,
    fetch_script,
    install_script,
    node_images_script,
)
from windlass.domain.scripts.isolated_api import exchange_script
from windlass.domain.scripts.join import join_script, prepared_script, way_script
from windlass.domain.scripts.kernel_modules import lacking_modules_script
from windlass.domain.scripts.leave import (
    leftovers_script,
    node_removal_script,
    remove_files_script,
    stop_stack_script,
)
from windlass.domain.scripts.left_traces import remove_services_script, remove_traces_script
from windlass.domain.scripts.measure_speed import measure_speed_script
from windlass.domain.scripts.own_files import own_files_script
from windlass.domain.scripts.preflight import surroundings_script
from windlass.domain.scripts.recreate import recreate_script, restart_script
from windlass.domain.scripts.restore import (
    Restore,
    receive_script,
    restore_script,
    stage_script,
    stop_script,
    switch_script,
)
from windlass.domain.scripts.restore_drill import DrillPlan, Images, cleanup_script
from windlass.domain.scripts.script import Script
from windlass.domain.scripts.smoke_test import keep_word_script, serve_page_script
from windlass.domain.scripts.uninstall import removal_script
from windlass.domain.scripts.user_stacks import ask_tcp_script, remove_others_script
from windlass.domain.scripts.virtual_address import answering_script, hearing_script, holder_script
from windlass.domain.scripts.wait_healthy import wait_script
from windlass.domain.spec.models import Host

_HOST = Host.model_validate({"name": "cp-1", "address": "192.0.2.1", "roles": ["etcd", "control-plane", "worker"]})
_KUBELET, _CNI = Artifact("file", "kubelet", "v1.37.2"), Artifact("file", "cni-plugins", "v1.9.0")
_LOCK = Lock("modules", {one: Locked(f"sha256:{n:064x}", 1, "build") for n, one in enumerate((_KUBELET, _CNI), 1)})
_MIRROR = MirrorAddresses("http://192.0.2.9:8080", "192.0.2.9:5000")
_INSTALLS = (
    Install(_KUBELET, (("", "/opt/windlass/v1.37.2/bin/kubelet"),)),
    Install(_CNI, (("bridge", "/opt/cni/bin/bridge"), ("loopback", "/opt/cni/bin/loopback"))),
)
_IMAGES = ("192.0.2.9:5000/windlass/etcd@sha256:1", "192.0.2.9:5000/windlass/haproxy@sha256:2")
_UNIT = (["/etc/systemd/system/kubelet.service", "/etc/windlass/my config"], ["/opt/windlass/v1.37.2/bin/kubelet"])
_SERVICES = {"kube-apiserver": "sha256:1", "kube-scheduler": "sha256:2"}
_ISSUER = "https://kubernetes.default.svc.cluster.local"
_DRILL = DrillPlan("d1", Images("etcd@sha256:1", "api@sha256:2"), 2**20, ("10.96.0.0/12",), _ISSUER, "/registry", {})
_RESTORE = Restore("abc", "cp-1", "https://192.0.2.1:2380", "cp-1=https://192.0.2.1:2380", "demo-abc", 10**9, "etcd:1")


def _service(component: str, stack: str, port: int, certificate: str | None) -> ServiceCheck:
    seconds = [timedelta(seconds=number) for number in (5, 3, 60, 90)]
    check = HealthCheck(port, "https", "GET /readyz HTTP/1.0", "host", certificate, *seconds, 2, 3, "recreate", 0)
    return ServiceCheck(component, stack, check)


_DESIRED = HostChecks(
    _HOST,
    "demo",
    (
        _service("etcd", "etcd", 2381, "/etc/windlass/pki/etcd/healthcheck-client"),
        _service("kube-apiserver", "control-plane", 6443, None),
    ),
)


_DESIRED_HOST = DesiredHost(
    _HOST,
    programs=(),
    links=(DesiredLink("/opt/cni/bin/bridge", "/opt/windlass/artifacts/02/bridge", "cni-plugins"),),
    files={},
    certificates=None,
    settings={"docker settings": ("/etc/docker/daemon.json",)},
    units=(
        DesiredUnit("windlass-containerd", "containerd", "v2.2.0", ("/etc/windlass/containerd/config.toml",), ()),
        DesiredUnit("kubelet", "kubelet", "v1.37.2", tuple(_UNIT[0]), tuple(_UNIT[1])),
    ),
    services={},
    images=(HostImage("docker", Artifact("image", "etcd", "v3.6.5"), _IMAGES[0]),),
)


def _wait(component: str, *, is_unit: bool = False) -> Script:
    wait = wait_script(_DESIRED, component, is_unit=is_unit)
    assert wait is not None
    return wait[0]


_PULL = docker_images_script(_IMAGES)
_TRACES = HostTraces(
    ("kube-ipvs0", "flannel.1"), ("flannel",), ("KUBE", "FLANNEL"), ("kube-proxy",), ("/etc/cni/net.d/*flannel*",)
)
_NODE_PULL = node_images_script(_IMAGES[1:], "/opt/windlass/containerd/2.2.0/bin/ctr", "/etc/windlass/registry.d")
_ENGINE = EnginePrograms(
    "/opt/windlass/docker-engine/v1/bin", "/opt/windlass/containerd/v2/bin", "/opt/windlass/runc/v3/bin"
)
_SINGLE = (
    at_once("pull-images", _PULL, _NODE_PULL),
    in_turn("install-host", docker_script(_ENGINE), directories_script([])),
    in_turn("pull-images-of-pods", unit_script("windlass-containerd", *_UNIT), _NODE_PULL),
    answering_script("192.0.2.100"),
    hearing_script("192.0.2.1", ["192.0.2.2", "192.0.2.3"]),
    holder_script("192.0.2.100"),
    ask_tcp_script(CurlProbe("telnet://127.0.0.1:3306", timedelta(seconds=3), "way")),
    cleanup_script(),
    directories_script([HostDirectory("/var/lib/windlass/etcd", 0o700), HostDirectory("/var/lib/my data", 0o755)]),
    distribution_docker_script(),
    exchange_script(),
    note_host_script(("net.ipv4.ip_forward", "vm.max_map_count")),
    in_turn("note-what-is-there", note_host_script(()), own_files_script([])),
    own_files_script(["/etc/multipath.conf", "/etc/sysctl.d/91-windlass-own.conf"]),
    docker_script(_ENGINE),
    facts_script(),
    audit_script(),
    fetch_script(_INSTALLS, _LOCK, _MIRROR),
    hook_script("apt-get upgrade -y", _HOST, has_environment=True),
    inspect_host(_DESIRED_HOST),
    health_script(_DESIRED, rounds=3),
    install_script(_INSTALLS, _LOCK, _MIRROR),
    join_script("cp-1=https://192.0.2.1:2380,cp-2=https://192.0.2.2:2380", "member.replaced-0123-1f"),
    keep_word_script(),
    lacking_modules_script(["wireguard"]),
    measure_speed_script(),
    member_ended_script(),
    _NODE_PULL,
    node_removal_script(("10.244.0.0/16",), _TRACES),
    observe_member_script(),
    pack_stacks_script(["control-plane", "etcd"]),
    prepared_script(_HOST),
    _PULL,
    receive_script("abc"),
    removal_script(("10.244.0.0/16",), _TRACES),
    remove_files_script(["/etc/windlass/pki/etcd/server.key", "/etc/windlass/my key"]),
    remove_others_script(["etcd", "my-stack"]),
    remove_services_script("/opt/windlass/containerd/2.2.0/bin/ctr", "192.0.2.9:5000/windlass/kube-proxy@sha256:2"),
    restart_member_script(),
    restart_script("kubelet"),
    restore_script(_RESTORE),
    serve_page_script("windlass", 8080),
    stage_script("abc"),
    stop_script(),
    surroundings_script(
        {"the API server of cp-2": "192.0.2.2:6443"},
        {"the mirror at http://192.0.2.9:8080": _MIRROR.probe},
        has_etcd=True,
    ),
    switch_script("abc"),
    bootstrap_script("cp-1=https://192.0.2.1:2380,cp-2=https://192.0.2.2:2380"),
    member_origin_script(),
    way_script({"cp-2": "https://192.0.2.2:2380"}),
    _DRILL.ask_api("/api/v1/namespaces?limit=500"),
    _DRILL.receive(),
    _DRILL.stored_secret("/registry/secrets/default/one", 1042),
)
_VARIANTS = {
    "remove-traces": remove_traces_script(_TRACES),
    "remove-traces.tables": remove_traces_script(HostTraces(tables=("kube-network-policies",))),
    "find-leftovers.host": leftovers_script("demo", ["etcd", "node"], is_whole=True),
    "find-leftovers.planes": leftovers_script("demo", ["node", "etcd", "control-plane"], is_whole=False),
    "load-proxy": in_turn(
        "load-proxy", settings_script(API_PROXY, [PROXY_CONFIG]), settings_script(PROXY_TRUST, [PROXY_CA])
    ),
    "load-settings.address": settings_script(VIRTUAL_ADDRESS, [ADDRESS_CONFIG]),
    "load-settings.docker": settings_script("docker settings", ["/etc/docker/daemon.json"]),
    "load-settings.kernel": settings_script(
        "kernel settings", ["/etc/sysctl.d/90-windlass.conf", "/etc/modules-load.d/windlass.conf"]
    ),
    "load-settings.proxy": settings_script(API_PROXY, [PROXY_CONFIG]),
    "recreate-container": recreate_script("etcd", "etcd", is_gentle=False),
    "recreate-container.gentle": recreate_script("control-plane", "kube-apiserver", is_gentle=True),
    "recreate-container.proxy": recreate_script("api-proxy", "api-proxy", is_gentle=True),
    "stop-stack.control-plane": stop_stack_script("control-plane"),
    "stop-stack.etcd": stop_stack_script("etcd"),
    "start-stack": stack_script("control-plane", _SERVICES),
    "start-stack.address": stack_script("virtual-address", {"keepalived": "sha256:3"}),
    "start-stack.proxy": stack_script("api-proxy", {"api-proxy": "sha256:3"}),
    "start-stack.service": stack_script("control-plane", _SERVICES, only=["kube-scheduler"]),
    "start-unit": unit_script("kubelet", *_UNIT),
    "start-unit.after-api": after_api(unit_script("kubelet", *_UNIT)),
    "wait-until-healthy.docker": _wait("docker"),
    "wait-until-healthy.etcd": _wait("etcd"),
    "wait-until-healthy.kubelet": _wait("kubelet"),
    "wait-until-healthy.service": _wait("kube-apiserver"),
    "wait-until-healthy.unit": _wait("windlass-containerd", is_unit=True),
}
SAMPLES: dict[str, Script] = {script.name: script for script in _SINGLE} | _VARIANTS
"""By the name of their file: that of the script, with a word behind a dot where there are several of it."""
GOLDEN = Path(__file__).parent / "golden"


def write() -> None:
    """Write the texts as they are now."""
    for path in GOLDEN.glob("*.sh"):
        path.unlink()
    for name, script in SAMPLES.items():
        (GOLDEN / f"{name}.sh").write_text(script.text)


if __name__ == "__main__":
    write()
