"""What the API's virtual address changes of what hosts get; without one nothing is other than before."""

from __future__ import annotations

from typing import Any

import pytest

from unit.rendering.conftest import SHIPPED, TOPOLOGIES, Rendering, facts_of, make_cluster
from windlass.domain.health import CheckReader
from windlass.domain.host.desired import host_settings
from windlass.domain.host.host_checks import host_checks
from windlass.domain.host.layout import ADDRESS_CONFIG, API_PROXY, PROXY_CONFIG, VIRTUAL_ADDRESS
from windlass.domain.pki.kubeconfig import user_contexts
from windlass.domain.pki.subjects import api_names
from windlass.domain.rendering import host_images, host_stacks
from windlass.domain.rendering.proxy import no_proxy
from windlass.effects.catalog import load_catalog

ADDRESS = "192.0.2.100"
COMPOSE = "/etc/windlass/stacks/virtual-address/compose.yaml"


def held(topology: str = "overlapping", address: str | None = ADDRESS, **api: Any) -> Rendering:
    cluster = make_cluster(TOPOLOGIES[topology], api={"virtualAddress": address, **api})
    return Rendering(cluster, load_catalog(SHIPPED).release("v1.37.2"), facts_of(cluster))


def test_hosts_of_the_control_plane_hold_it_and_no_others() -> None:
    rendering = held("separate")
    assert ADDRESS_CONFIG in rendering.host("cp-1")
    assert host_stacks(rendering.cluster, rendering.member("cp-1")) == ("control-plane", "api-proxy", "virtual-address")
    for other in ("etcd-1", "w-1"):
        assert not [path for path in rendering.host(other) if "virtual-address" in path]
        assert "virtual-address" not in rendering.host(other)[PROXY_CONFIG].text


def test_without_one_nothing_of_it_is_there() -> None:
    rendering = held(address=None)
    files = rendering.host("cp-1")
    assert not [path for path in files if "virtual-address" in path]
    assert "virtual-address" not in files[PROXY_CONFIG].text
    assert "keepalived" not in files[PROXY_CONFIG].text
    assert VIRTUAL_ADDRESS not in host_settings(files)


def test_hosts_speak_to_each_other_alone_and_none_is_more_than_another() -> None:
    rendering = held()
    for name, own in (("cp-1", "192.0.2.11"), ("cp-2", "192.0.2.12")):
        config = rendering.host(name)[ADDRESS_CONFIG].text
        peers = config.partition("unicast_peer {")[2].partition("}")[0].split("\n")
        assert {line.split()[0] for line in peers if line.strip()} == {
            "192.0.2.11", "192.0.2.12", "192.0.2.13"
        } - {own}  # fmt: skip
        assert f"unicast_src_ip {own}\n" in config
        assert "interface eth0\n" in config
        assert f"{ADDRESS}/32 dev eth0" in config
        assert "state BACKUP" in config
        assert "nopreempt" in config
    priorities = {
        rendering.host(name)[ADDRESS_CONFIG].text.partition("priority ")[2].split()[0] for name in ("cp-1", "cp-2")
    }
    assert len(priorities) == 1


def test_the_only_host_of_a_control_plane_speaks_to_nobody() -> None:
    config = held("standalone").host("all-1")[ADDRESS_CONFIG].text
    assert "    127.0.0.1 #" in config


def test_its_proxy_says_whether_a_host_may_hold_it_and_whether_keepalived_lives() -> None:
    text = held().host("cp-2")[PROXY_CONFIG].text
    assert "server cp-2 192.0.2.12:6443 track api-servers/cp-2" in text
    assert "server cp-1 192.0.2.11:6443 track api-servers/cp-1" in text
    own = text.partition("backend own")[2].partition("backend others")[0]
    assert "cp-1" not in own
    assert "path /virtual-address" in text
    assert "path /keepalived" in text


def test_keepalived_has_the_rights_it_needs_and_no_more() -> None:
    service = held().yaml("cp-1", COMPOSE)["services"]["keepalived"]
    assert (service["cap_drop"], service["cap_add"]) == (["ALL"], ["NET_ADMIN", "NET_RAW", "SETGID"])
    assert service["network_mode"] == "host"
    assert service["read_only"] is True


def test_keepalived_is_watched_and_remedied_like_other_services() -> None:
    rendering = held()
    (check,) = [
        one
        for one in host_checks(rendering.cluster, rendering.release)["cp-1"].services
        if one.component == "keepalived"
    ]
    assert (check.stack, check.check.strategy) == ("virtual-address", "recreate")
    assert str(check.probe("192.0.2.11")).count("127.0.0.1:7444/keepalived") == 1
    plan = CheckReader().plan(rendering.cluster, rendering.release)
    assert plan.virtual_address == ADDRESS
    assert {one.subject.host for one in plan.checks if one.subject.component == "keepalived"} == {
        "cp-1",
        "cp-2",
        "cp-3",
    }


def test_its_image_is_pulled_where_it_runs() -> None:
    rendering = held()
    for name, count in (("cp-1", 1), ("w-1", 0)):
        images = host_images(
            rendering.cluster, rendering.release, rendering.member(name), rendering.lock, rendering.mirror
        )
        assert [one.artifact.name for one in images].count("keepalived") == count


def test_a_change_of_who_may_hold_it_restarts_nothing() -> None:
    """Its configuration is loaded by a running keepalived, as the API proxy's is: the service is the same."""
    more = make_cluster({**TOPOLOGIES["overlapping"], "cp-4": ["control-plane"]}, api={"virtualAddress": ADDRESS})
    before = held()
    after = Rendering(more, before.release, facts_of(more))
    assert before.host("cp-1")[COMPOSE] == after.host("cp-1")[COMPOSE]
    assert before.host("cp-1")[ADDRESS_CONFIG] != after.host("cp-1")[ADDRESS_CONFIG]
    assert host_settings(before.host("cp-1"))[VIRTUAL_ADDRESS] == (ADDRESS_CONFIG,)
    assert host_settings(before.host("cp-1"))[API_PROXY] == (PROXY_CONFIG,)


@pytest.mark.parametrize(
    ("api", "servers"),
    [
        ({"virtualAddress": ADDRESS}, [f"https://{ADDRESS}:6443"]),
        ({"virtualAddress": "fd00::100"}, ["https://[fd00::100]:6443"]),
        ({"virtualAddress": ADDRESS, "endpoint": "k8s.example.com"}, ["https://k8s.example.com:6443"]),
        ({}, [f"https://192.0.2.{last}:6443" for last in (11, 12, 13)]),
    ],
)
def test_kubeconfigs_lead_to_the_endpoint_or_else_to_the_address(api: dict[str, Any], servers: list[str]) -> None:
    contexts = user_contexts(make_cluster(TOPOLOGIES["overlapping"], api=api))
    assert [one.server for one in contexts] == servers
    assert contexts[0].name == "demo"


def test_api_servers_have_it_in_their_certificates_and_no_proxy_is_asked_for_it() -> None:
    rendering = held()
    assert ADDRESS in api_names(rendering.cluster, rendering.member("cp-1"))
    assert ADDRESS in no_proxy(rendering.cluster, rendering.mirror)
