"""Who holds the API's virtual address: what hosts say of themselves, and what follows."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from windlass.domain.health import Kind
from windlass.domain.health.holders import AddressHolders
from windlass.domain.health.host_report import HOLDERS_PATIENCE, HostReport, assess
from windlass.domain.health.protocol import setup_lines
from windlass.domain.remediation.triggers import notices_of, reports_of
from windlass.effects.probe import host_report

from .world import ORIGIN, World, plan

ADDRESS = "192.0.2.100"
PLANES = ("cp-1", "cp-2", "cp-3")
ALL = frozenset(PLANES)
IP = """1: lo    inet 127.0.0.1/8 scope host lo
2: eth0    inet 192.0.2.11/24 brd 192.0.2.255 scope global eth0
2: eth0    inet 127.0.0.100/32 scope global eth0
2: eth0    inet6 fd00::100/128 scope global
"""


def said(**words: str) -> AddressHolders:
    made = AddressHolders(ADDRESS, PLANES)
    for host, word in words.items():
        made.take(host.replace("_", "-"), ADDRESS, word)
    return made


def holders(made: AddressHolders, heard: frozenset[str] = ALL) -> list[str] | None:
    report = made.report(heard)
    return None if report is None else report.value.split()[1:]


def test_who_says_that_it_holds_the_address_does() -> None:
    assert holders(said(cp_1="reached", cp_2="holds", cp_3="reached")) == ["cp-2"]
    assert holders(said(cp_1="holds", cp_2="holds", cp_3="reached")) == ["cp-1", "cp-2"]


def test_nobody_holds_it_only_where_nobody_reaches_it_either() -> None:
    assert holders(said(cp_1="nobody", cp_2="nobody", cp_3="nobody")) == []
    assert holders(said(cp_1="nobody", cp_2="reached", cp_3="nobody")) is None
    assert holders(said()) is None


def test_what_a_host_said_before_it_fell_silent_does_not_count() -> None:
    made = said(cp_1="holds", cp_2="reached", cp_3="reached")
    assert holders(made, ALL - {"cp-1"}) is None
    made.take("cp-2", ADDRESS, "holds")
    assert holders(made, ALL - {"cp-1"}) == ["cp-2"]


def test_nothing_is_believed_of_another_address_or_of_another_host() -> None:
    made = said(cp_1="holds")
    made.take("cp-2", "192.0.2.99", "holds")
    made.take("w-1", ADDRESS, "holds")
    assert holders(made) == ["cp-1"]
    assert AddressHolders(None, PLANES).report(ALL) is None


def test_a_host_of_the_control_plane_is_asked_about_it_where_the_spec_has_one() -> None:
    watched = replace(plan(), virtual_address=ADDRESS)
    assert f"address\t{ADDRESS}\t6443\n" in setup_lines(watched, "cp-1", (), is_reporter=True)
    assert "address" not in setup_lines(watched, "w-1", ())
    assert "address" not in setup_lines(plan(), "cp-1", (), is_reporter=True)


def watched() -> World:
    made = World(replace(plan(), virtual_address=ADDRESS))
    made.settle()
    return made


def report(made: World, value: str) -> None:
    for _ in range(2):
        made.watch.report("", HostReport("holders", "virtual-address", f"{ADDRESS} {value}"), made.now)


@pytest.mark.parametrize(("value", "words"), [("", "no control-plane host holds"), ("cp-1 cp-2", "cp-1 and cp-2 hold")])
def test_an_address_that_nobody_or_two_hold_for_a_while_is_a_finding_of_which_people_are_told(
    value: str, words: str
) -> None:
    made = watched()
    report(made, value)
    made.run(HOLDERS_PATIENCE - 5)
    assert made.watch.findings == ()
    made.run(10)
    (finding,) = made.watch.findings
    assert (finding.host, finding.component, finding.kind) == ("", "virtual-address", Kind.VIRTUAL_ADDRESS)
    assert words in finding.evidence
    (notice,) = notices_of(made.watch.findings, ORIGIN)
    assert "112" in str(notice)
    assert reports_of(made.watch.findings) == {}
    assert shown(made) == "unhealthy"
    report(made, "cp-3")
    assert made.watch.findings == ()
    assert shown(made) == "healthy"


def shown(made: World) -> str:
    (status,) = [one for one in made.watch.status(made.now)["subjects"] if one["component"] == "virtual-address"]
    assert status["host"] == ""
    return str(status["status"])


def test_a_move_from_one_host_to_another_is_none() -> None:
    made = watched()
    report(made, "cp-1 cp-2")
    made.run(HOLDERS_PATIENCE - 5)
    report(made, "cp-2")
    made.run(HOLDERS_PATIENCE)
    assert made.opened == []


def test_nonsense_says_nothing() -> None:
    assert assess(HostReport("holders", "virtual-address", "")) is None


@pytest.mark.parametrize("address", ["127.0.0.100", "fd00::100"])
def test_a_host_says_that_it_holds_an_address_of_one_of_its_interfaces(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(host_report, "output", lambda *_: IP)
    assert host_report.held(address, 1) == "holds"


def test_a_host_says_whether_anybody_answers_at_an_address_that_it_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_report, "output", lambda *_: "")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert host_report.held("127.0.0.1", port) == "reached"
    assert host_report.held("127.0.0.1", port) == "reached", "whoever refuses is there"
    monkeypatch.setattr(host_report.socket, "create_connection", _silent)
    assert host_report.held("127.0.0.1", port) == "nobody"


def _silent(*_: object) -> socket.socket:
    raise TimeoutError
