from __future__ import annotations

from dataclasses import replace

import pytest

from windlass.domain.health import ProbeOrder, Subject
from windlass.domain.health.protocol import NODES, ProbeMessage, order_line, parse_message, setup_lines, subject_of
from windlass.domain.objects.watched import WatchedObject
from windlass.effects.probe.checks import Probe
from windlass.errors import SpecError

from .world import plan


def test_a_loop_understands_what_it_is_to_know() -> None:
    lines = setup_lines(plan(), "cp-1", ("docker",)).splitlines()
    probes = [Probe(line.split("\t")[1:]) for line in lines if line.startswith("probe\t")]
    assert {probe.id for probe in probes} == {f"{host}/kube-apiserver" for host in ("cp-1", "cp-2", "cp-3", "w-1")}
    assert [probe.reach_ports for probe in probes] == [[], [22, 10250], [22, 10250], [22, 10250]]
    assert (probes[1].interval, probes[1].timeout, probes[1].times) == (2.0, 2.0, 5)
    assert "unit\tdocker" in lines
    assert lines[-1] == "start"
    assert NODES == "nodes\t127.0.0.1\t7443\n"


def test_a_loop_is_told_only_of_what_it_may_have_to_look_at() -> None:
    hosts = tuple(f"h-{number}" for number in range(9))
    lines = setup_lines(plan(hosts), "h-1", ()).splitlines()
    assert sum(line.startswith("probe\t") for line in lines) == 4
    assert sum(line.startswith("peer\t") for line in lines) == 8


def test_orders_and_words() -> None:
    subject = Subject("cp-1", "etcd")
    assert order_line(ProbeOrder("cp-2", "watch", subject)) == "watch\tcp-1/etcd\n"
    assert order_line(ProbeOrder("cp-1", "inspect", subject)) == "inspect\tetcd\n"
    assert parse_message("12.5\tlook\tcp-1/etcd\trefused\tno\n") == ProbeMessage(
        12.5, "look", ("cp-1/etcd", "refused", "no")
    )
    assert subject_of("cp-1/etcd") == subject


def test_what_a_login_shell_prints_is_no_word() -> None:
    assert parse_message("Welcome to Debian") is None
    assert parse_message("") is None
    assert parse_message("12.5") is None


@pytest.mark.parametrize("name", ["a\nunit", "a\tb", "a\r", "a\u2028b"])
def test_no_name_becomes_an_order_of_its_own(name: str) -> None:
    watched = replace(plan(), objects=(WatchedObject("dns", "/api/v1/pods", "Pod", name),))
    with pytest.raises(SpecError, match="an order `object` to the probe loop"):
        setup_lines(watched, "cp-1", (), is_reporter=True)
    with pytest.raises(SpecError, match="an order `watch` to the probe loop"):
        order_line(ProbeOrder("cp-2", "watch", Subject("cp-1", name)))
