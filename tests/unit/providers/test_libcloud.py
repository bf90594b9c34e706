"""What only the provider through Apache Libcloud does; what all do is in the contract."""

from __future__ import annotations

import builtins
from typing import Any

import pytest

from contracts.host_provider import cluster_of
from unit.providers.aws import HOST_KEY
from unit.providers.clouds import SETTINGS, Clouds
from windlass.domain.scripts.first_boot import KEYS_END
from windlass.domain.spec.libcloud_settings import node_prefix
from windlass.effects.providers.libcloud import make_driver
from windlass.errors import NotReadyError, RefusedError, SpecError


def test_a_crash_before_the_answer_was_stored_makes_no_second_node(made: Clouds) -> None:
    demo = cluster_of("libcloud", SETTINGS["digitalocean"])
    made.crashes_after_creation = True
    with pytest.raises(KeyboardInterrupt):
        made.provider("digitalocean").provide(demo, "run-1")
    made.provider("digitalocean").provide(demo, "run-2")
    assert len(made.nodes) == 2
    made.provider("digitalocean").destroy(demo)
    assert made.nodes == {}


def test_a_throttled_cloud_is_asked_again_later_and_one_that_refuses_is_not(made: Clouds) -> None:
    demo = cluster_of("libcloud", SETTINGS["digitalocean"])
    made.fails = [503] * 20
    with pytest.raises(NotReadyError, match="cannot list nodes"):
        made.provider("digitalocean").missing(demo)
    made.fails = [403] * 20
    with pytest.raises(RefusedError, match="cannot list nodes"):
        made.provider("digitalocean").missing(demo)


def test_arguments_are_filled_with_the_hosts_words_and_user_data_lets_one_key_in(made: Clouds) -> None:
    made.provider("digitalocean").provide(cluster_of("libcloud", SETTINGS["digitalocean"], "w-1"), "run")
    [asked] = made.asked
    assert asked["tags"] == ["windlass", "demo"]
    assert asked["private_networking"]
    assert asked["user_data"].startswith("#cloud-config")


def test_a_node_at_another_address_is_told_of(made: Clouds) -> None:
    demo = cluster_of("libcloud", SETTINGS["digitalocean"], "w-1")
    host = demo.spec.hosts.members[0].model_copy(update={"address": "10.0.1.77"})
    hosts = demo.spec.hosts.model_copy(update={"members": (host,)})
    other = demo.model_copy(update={"spec": demo.spec.model_copy(update={"hosts": hosts})})
    with pytest.raises(RefusedError, match=r"w-1: its node has 10\.0\.1\.12, and the spec says 10\.0\.1\.77"):
        made.provider("digitalocean").provide(other, "run")


def test_two_nodes_of_one_name_are_left_to_a_person(made: Clouds) -> None:
    demo = cluster_of("libcloud", SETTINGS["digitalocean"], "w-1")
    made.provider("digitalocean").provide(demo, "run")
    [node] = made.nodes.values()
    made.nodes["7"] = {**node, "id": 7}
    with pytest.raises(RefusedError, match="two nodes have its name: 101, 7"):
        made.provider("digitalocean").provide(demo, "run")


def test_no_cluster_s_nodes_begin_like_another_s() -> None:
    assert not node_prefix("a-b").startswith(node_prefix("a"))
    assert not (node_prefix("a") + "b").startswith(node_prefix("a-b"))


def test_host_keys_come_from_a_console_where_the_driver_reads_it(made: Clouds) -> None:
    demo, provider = cluster_of("libcloud", SETTINGS["vultr"]), made.provider("vultr")
    provider.provide(demo, "run")
    assert provider.host_keys(demo) == {}
    said = {"output": f"windlass-host-key ssh-ed25519 {HOST_KEY}\n{KEYS_END}\n"}
    provider._driver.ex_get_console_output = lambda node: said
    assert set(provider.host_keys(demo).values()) == {f"ssh-ed25519 {HOST_KEY}"}


@pytest.mark.parametrize(
    ("name", "login", "wrong"),
    [("nowhere", [], "no compute driver `nowhere`"), ("digitalocean", [], "cannot be made with the connection")],
)
def test_a_driver_that_is_not_there_or_lacks_its_login_is_told(name: str, login: list[str], wrong: str) -> None:
    with pytest.raises(SpecError, match=wrong):
        make_driver(name, login, {})


def test_without_libcloud_the_way_to_get_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *given: Any, **named: Any) -> Any:
        if name.startswith("libcloud"):
            raise ImportError(name)
        return real(name, *given, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SpecError, match=r"install windlass\[libcloud\]"):
        make_driver("dummy", [], {})
