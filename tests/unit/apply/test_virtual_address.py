"""What hosts are asked about the API's virtual address, and what takes it off them."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from unit.rendering.conftest import SHIPPED, TOPOLOGIES, Rendering, facts_of, make_cluster
from unit.services import quick_clock
from windlass.domain.host.layout import ADDRESS_CONFIG
from windlass.domain.host.virtual_address import AddressProbe
from windlass.domain.scripts.script import changes_of
from windlass.domain.scripts.virtual_address import RELEASE_ADDRESS
from windlass.domain.spec.models import Cluster
from windlass.effects.catalog import load_catalog
from windlass.effects.ssh.fake import FakeHost
from windlass.effects.ssh.fake_call import Call
from windlass.errors import NotReadyError
from windlass.operations.apply.virtual_address import probe_virtual_address, wait_for_one_holder
from windlass.operations.cluster import ClusterSession

ADDRESS = "192.0.2.100"


@pytest.fixture
def session(played_session: ClusterSession) -> ClusterSession:
    document = played_session.cluster.model_dump(mode="json", by_alias=True)
    document["spec"]["api"]["virtualAddress"] = ADDRESS
    return replace(played_session, cluster=Cluster.model_validate(document), clock=quick_clock())


def test_control_planes_alone_are_asked_and_each_listens_for_the_others(
    session: ClusterSession, played: dict[str, FakeHost]
) -> None:
    heard: dict[str, object] = {}

    def hears(call: Call) -> str:
        assert call.script
        heard[str(call.script.arguments["own"])] = call.script.arguments["others"]
        return "listened=192.0.2.1\nheard=192.0.2.2\n"

    played["cp-1"].on_script("hear-others", answer=hears)
    played["cp-1"].on_script("find-answer", answer="answers=02:42:0a:57:00:05\n")
    played["cp-2"].on_script("hear-others", answer="")
    played["cp-2"].on_script("find-answer", answer="")

    assert probe_virtual_address(session, session.hosts) == {
        "cp-1": AddressProbe("02:42:0a:57:00:05", frozenset({"192.0.2.2"})),
        "cp-2": AddressProbe("", None),
    }
    assert heard == {"192.0.2.1": ("192.0.2.2",)}


def test_nobody_is_asked_where_the_spec_has_none(played_session: ClusterSession) -> None:
    assert probe_virtual_address(played_session, played_session.hosts) == {}
    wait_for_one_holder(played_session)


def test_the_only_control_plane_listens_for_nobody(session: ClusterSession, played: dict[str, FakeHost]) -> None:
    played["cp-1"].on_script("find-answer", answer="")
    assert probe_virtual_address(session, session.hosts[:1]) == {"cp-1": AddressProbe("", None)}


def test_one_holder_is_waited_for(session: ClusterSession, played: dict[str, FakeHost]) -> None:
    answers = iter(["", "", "holds=eth0\n"])
    played["cp-1"].on_script("find-holder", answer=lambda _: next(answers))
    played["cp-2"].on_script("find-holder", answer="")
    wait_for_one_holder(session)
    assert list(answers) == []


def test_a_host_that_does_not_answer_is_not_waited_for(session: ClusterSession, played: dict[str, FakeHost]) -> None:
    played["cp-1"].is_reachable = False
    played["cp-2"].on_script("find-holder", answer="holds=eth0\n")
    wait_for_one_holder(session)


def test_two_that_hold_it_are_told_with_what_keeps_them_apart(
    session: ClusterSession, played: dict[str, FakeHost]
) -> None:
    for name in ("cp-1", "cp-2"):
        played[name].on_script("find-holder", answer="holds=eth0\n")
    with pytest.raises(NotReadyError, match=r"cp-1 and cp-2 hold 192\.0\.2\.100 .* let IP protocol 112"):
        wait_for_one_holder(session)


IP = """#!/bin/sh
echo "$*" >> $STATE/calls
[ "$4 $5" != "to {address}" ] || echo "7: bond0    inet{family} {address}/{length} scope global bond0"
"""


@pytest.mark.parametrize(("address", "length"), [(ADDRESS, 32), ("fd00::100", 128)])
def test_an_address_that_was_left_on_an_interface_is_taken_off(tmp_path: Path, address: str, length: int) -> None:
    roles = TOPOLOGIES["overlapping"]
    addresses = {name: {"address": f"fd00::{number}"} for number, name in enumerate(roles, 11)}
    own = {} if length == 32 else {
        "members": addresses, "network": {"podCidr": "fd00:1::/48", "serviceCidr": "fd00:2::/112"}
    }  # fmt: skip
    cluster = make_cluster(roles, api={"virtualAddress": address}, **own)
    config = tmp_path / "keepalived.conf"
    config.write_text(rendered(cluster))
    (tmp_path / "ip").write_text(IP.format(address=address, length=length, family="" if length == 32 else "6"))
    (tmp_path / "ip").chmod(0o755)

    text = RELEASE_ADDRESS.replace(ADDRESS_CONFIG, str(config)) + "\nrelease_address"
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "STATE": str(tmp_path)}
    done = subprocess.run(["sh"], input=text, env=environment, capture_output=True, text=True, check=True, timeout=30)

    assert changes_of(done.stdout) == (f"address {address}",)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == [f"-o addr show to {address}", f"addr del {address}/{length} dev bond0"]


def rendered(cluster: Cluster) -> str:
    rendering = Rendering(cluster, load_catalog(SHIPPED).release("v1.37.2"), facts_of(cluster))
    return rendering.host("cp-1")[ADDRESS_CONFIG].text


def test_where_there_never_was_one_nothing_is_taken_off(tmp_path: Path) -> None:
    text = RELEASE_ADDRESS.replace(ADDRESS_CONFIG, str(tmp_path / "absent")) + "\nrelease_address"
    done = subprocess.run(["sh", "-eu"], input=text, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == ""
