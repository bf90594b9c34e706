from __future__ import annotations

from datetime import timedelta

import pytest

from windlass.errors import RefusedError
from windlass_lab.faults import cut_rules, delay_argv, fill_disk, loss_rules, throttle_argv
from windlass_lab.model import Lab, LabHost


def test_a_cut_of_both_directions_drops_everything_on_the_interface() -> None:
    rules = cut_rules("both", [])
    assert 'iifname "eth0" drop' in rules
    assert 'oifname "eth0" drop' in rules


@pytest.mark.parametrize(
    ("direction", "kept", "left_out"), [("in", "iifname", "oifname"), ("out", "oifname", "iifname")]
)
def test_a_cut_of_one_direction_leaves_the_other_alone(direction: str, kept: str, left_out: str) -> None:
    rules = cut_rules(direction, [])  # type: ignore[arg-type]  # the parameters are the literals
    assert kept in rules
    assert left_out not in rules


def test_a_cut_from_peers_names_only_them() -> None:
    rules = cut_rules("both", ["10.87.5.12", "10.87.5.13"])
    assert "ip saddr { 10.87.5.12, 10.87.5.13 } drop" in rules
    assert "ip daddr { 10.87.5.12, 10.87.5.13 } drop" in rules


def test_rules_replace_those_of_the_same_fault() -> None:
    assert cut_rules("in", []).startswith("table inet windlass_lab_cut\ndelete table inet windlass_lab_cut\n")
    assert loss_rules(5).startswith("table inet windlass_lab_loss\ndelete table inet windlass_lab_loss\n")


def test_loss_of_a_share_draws_for_each_packet_and_loss_of_all_does_not() -> None:
    assert loss_rules(5).count("numgen random mod 100 < 5 drop") == 2
    assert "numgen" not in loss_rules(100)


@pytest.mark.parametrize("percent", [0, -1, 101])
def test_refuses_shares_that_are_none(percent: int) -> None:
    with pytest.raises(RefusedError, match="1 to 100"):
        loss_rules(percent)


def test_delay_is_given_in_milliseconds() -> None:
    argv = delay_argv(timedelta(seconds=0.05), timedelta(milliseconds=5))
    assert argv[-3:] == ("delay", "50ms", "5ms")
    assert delay_argv(timedelta(milliseconds=50), timedelta(0))[-1] == "50ms"


def test_a_host_is_slowed_down_by_what_it_may_send_a_second() -> None:
    assert throttle_argv(512)[-7:] == ("tbf", "rate", "512kbit", "burst", "4kb", "latency", "400ms")


def test_never_fills_the_machines_own_disk() -> None:
    lab = Lab("dev", "10.87.5.0/24", "host:1", (LabHost("cp-1", "10.87.5.11", "ssh-ed25519 AAAA"),))
    with pytest.raises(RefusedError, match="--disk 4G"):
        fill_disk(lab, "cp-1")
