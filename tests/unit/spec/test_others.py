"""What is known of another cluster's stored spec, however little of it can be read."""

from __future__ import annotations

import pytest

from unit.spec.test_loading import GOOD
from windlass.domain.spec import load_cluster
from windlass.domain.spec.others import read_other
from windlass.errors import SpecError

ADDRESS = "192.0.2.11"
EXACT = {
    "an unknown key elsewhere": GOOD + "  futures: {}\n",
    "another version of the format": GOOD.replace("windlass/v1", "windlass/v9"),
    "nonsense as its network": GOOD + "  network: [1, 2]\n",
    "a stored name that it was not given": GOOD.replace("name: demo", "name: ours"),
    "a name that is none": GOOD.replace("name: demo", "name: [a]"),
    "no UTF-8": GOOD + "# \udcff\n",
}
BY_TEXT = {
    "no YAML": GOOD.replace("spec:", "spec: [").encode(),
    "no hosts": GOOD.replace("members:", "mmbers:").encode(),
    "a role that is none": GOOD.replace("etcd,", "ectd,").encode(),
    "hosts given twice": (GOOD + "  hosts: {members: []}\n").encode(),
    "a bomb": GOOD.encode() + b"  stacks: " + b"[" * 100_000,
    "a text": b"demo at 192.0.2.11, see 10.0.0.0/8 and v1.2.3.4 and 1.2.3.4.5",
}


def wrong_of(text: str, data: bytes) -> list[str]:
    other = read_other("prod", data)
    clusters = [other.cluster] if other.cluster else []
    unreadable = [other.unreadable] if other.unreadable else []
    try:
        load_cluster(text, "demo.yaml", other_clusters=clusters, unreadable=unreadable)
    except SpecError as error:
        return str(error).splitlines()
    return []


def test_a_spec_that_is_right_is_read_without_a_word() -> None:
    other = read_other("demo", GOOD.encode())
    assert (other.cluster, other.warning, other.addresses) == (load_cluster(GOOD, "x"), "", {ADDRESS})


@pytest.mark.parametrize("text", EXACT.values(), ids=EXACT)
def test_hosts_of_a_spec_that_is_wrong_elsewhere_stay_taken(text: str) -> None:
    data = text.encode(errors="surrogateescape")
    (message,) = wrong_of(GOOD, data)
    assert f"address: {ADDRESS} is the host `cp-1` of the cluster `prod`; take it out of one" in message
    assert wrong_of(GOOD.replace(ADDRESS, "192.0.2.99"), data) == []


@pytest.mark.parametrize("data", BY_TEXT.values(), ids=BY_TEXT)
def test_addresses_of_a_spec_whose_hosts_cannot_be_told_are_not_given_away(data: bytes) -> None:
    (message,) = wrong_of(GOOD, data)
    assert message == (
        f"demo.yaml:11: spec.hosts.members[0].address: {ADDRESS} stands in the stored spec of the cluster `prod`, "
        "which cannot be read; give another host, or correct it: `windlass store spec prod > FILE`, edit FILE, "
        "`windlass store spec prod --write FILE`"
    )
    assert wrong_of(GOOD.replace(ADDRESS, "192.0.2.99"), data) == []
    other = read_other("prod", data)
    assert other.addresses == {ADDRESS}
    assert other.warning.startswith("the stored spec of the cluster `prod` cannot be read (")
    assert "which of the 1 addresses in it are hosts, and behind which bastion, cannot be told" in other.warning
    assert "\n" not in other.warning


def test_where_no_address_stands_the_warning_says_so() -> None:
    other = read_other("prod", b"\x00\xff")
    assert other.addresses == frozenset()
    assert "nothing keeps its hosts from being taken" in other.warning


ROLES = "  access: {roles: {'team:payments': [see]}}\n"


@pytest.mark.parametrize(
    ("text", "teams"),
    [
        (GOOD + ROLES, False),  # what can be read says so itself
        (GOOD + ROLES + "  futures: {}\n", True),
        (GOOD + ROLES.replace("see", "own"), True),
        (GOOD.replace("spec:", "spec: [") + ROLES, True),
        (GOOD + "  futures: {}\n", False),
        (GOOD.replace("members:", "mmbers:"), False),
    ],
)
def test_a_spec_that_is_not_read_may_say_who_may_do_what(text: str, *, teams: bool) -> None:
    assert read_other("prod", text.encode()).may_name_teams is teams
