"""Where stacks run: by labels and scale, and without moving what runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.catalog import StackTemplate
from windlass.domain.catalog.stack_services import StackServices
from windlass.domain.spec import Cluster, Known, diff_clusters, dump_cluster, load_cluster, problems
from windlass.domain.spec.placement import place, placement_changes
from windlass.domain.spec.settled import settled

HOSTS = st.lists(st.from_regex(r"[a-z]{1,3}-[1-9]", fullmatch=True), max_size=8, unique=True)
SCALE = st.integers(1, 5)
DISK = {"disk": "fast"}
DATABASE = StackTemplate("db", "A database.", services=StackServices(scale=1, labels=DISK))
EVERYWHERE = StackTemplate("web", "A proxy.", services=StackServices(not_labels=(("edge", "no"),)))


@given(hosts=HOSTS, scale=SCALE, placed=st.lists(st.from_regex(r"[a-z]{1,3}-[1-9]", fullmatch=True), max_size=8))
def test_as_many_run_it_as_there_are_to_and_only_hosts_that_fit(
    hosts: list[str], scale: int, placed: list[str]
) -> None:
    found = place("db", hosts, scale, placed)
    assert len(found) == min(scale, len(hosts)) == len(set(found))
    assert set(found) <= set(hosts)
    assert place("db", hosts, scale, found) == found


@given(hosts=HOSTS, scale=SCALE, data=st.data())
def test_a_host_that_goes_moves_nothing_of_the_others(hosts: list[str], scale: int, data: st.DataObject) -> None:
    before = place("db", hosts, scale)
    gone = data.draw(st.sampled_from([*hosts, "x-1"]))
    after = place("db", [one for one in hosts if one != gone], scale, before)
    assert after[: len(before) - (gone in before)] == tuple(one for one in before if one != gone)


@given(hosts=HOSTS, scale=SCALE, data=st.data())
def test_a_host_that_comes_moves_nothing_wherever_it_stands_in_the_spec(
    hosts: list[str], scale: int, data: st.DataObject
) -> None:
    before = place("db", hosts, scale)
    where = data.draw(st.integers(0, len(hosts)))
    after = place("db", [*hosts[:where], "new-1", *hosts[where:]], scale, before)
    assert after[: len(before)] == before


@given(hosts=HOSTS, scale=SCALE)
def test_the_order_of_the_spec_decides_nothing(hosts: list[str], scale: int) -> None:
    assert place("db", hosts, scale) == place("db", sorted(hosts), scale)


def test_stacks_of_one_scale_do_not_all_come_to_one_host() -> None:
    hosts = [f"w-{number}" for number in range(1, 6)]
    assert len({place(f"stack-{number}", hosts, 1) for number in range(20)}) > 2


def cluster(labels: Mapping[str, Mapping[str, str]], *stacks: Mapping[str, Any]) -> Cluster:
    hosts = [
        {"name": name, "address": f"192.0.2.{number}", "roles": ["etcd", "control-plane"], "labels": dict(own)}
        for number, (name, own) in enumerate(labels.items(), start=11)
    ]
    spec = {
        "kubernetes": {"version": "v1.37.2"},
        "hosts": {"members": hosts},
        "stacks": list(stacks),
        "network": {"proxyMode": "nftables"},
        "etcd": {"allowEven": True},
    }
    document = {"apiVersion": "windlass/v1", "kind": "Cluster", "metadata": {"name": "demo"}, "spec": spec}
    return Cluster.model_validate(document)


def placed(made: Cluster) -> tuple[str, ...] | None:
    return made.spec.stacks[0].placed


KNOWN = {"db": DATABASE, "web": EVERYWHERE, "plain": StackTemplate("plain", "Runs wherever the spec says.")}


def test_a_stack_stays_where_it_runs_and_goes_elsewhere_with_its_host() -> None:
    three: dict[str, dict[str, str]] = {"cp-1": DISK, "cp-2": DISK, "cp-3": {}}
    first = settled(cluster(three, {"name": "db"}), None, KNOWN)
    (where,) = placed(first) or ()
    (other,) = {"cp-1", "cp-2"} - {where}
    assert [host.name for host in first.spec.hosts.members if first.spec.stacks[0].runs_on(host)] == [where]

    with_more = settled(cluster({"cp-0": DISK, **three}, {"name": "db"}), first, KNOWN)
    assert placed(with_more) == (where,)
    wider = settled(cluster({"cp-0": DISK, **three}, {"name": "db", "scale": 2}), with_more, KNOWN)
    assert (placed(wider) or ())[0] == where

    without = settled(cluster({**three, where: {}}, {"name": "db"}), first, KNOWN)
    assert placed(without) == (other,)
    (change,) = [one for one in diff_clusters(first, without) if one.is_within("spec", "stacks")]
    assert str(change) == f"spec.stacks.db.placed: ['{where}'] -> ['{other}']"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, ["cp-1"], "stack `db`: nowhere -> cp-1"),
        (["cp-1", "cp-2"], ["cp-1", "cp-2"], None),
        (["cp-1"], ["cp-2"], "stack `db`: cp-1 -> cp-2; its data on cp-1 stay there"),
        (["cp-1", "cp-3"], ["cp-1"], "stack `db`: cp-1, cp-3 -> cp-1; its data on cp-3 go with the host"),
        (["cp-1"], None, "stack `db`: cp-1 -> nowhere; its data on cp-1 stay there"),
    ],
)
def test_a_plan_tells_where_stacks_come_to_run(
    before: list[str] | None, after: list[str] | None, told: str | None
) -> None:
    old, new = (
        cluster({"cp-1": DISK, "cp-2": DISK}, *([{"name": "db", "placed": hosts}] if hosts is not None else []))
        for hosts in (before, after)
    )
    assert placement_changes(old, new) == ((told,) if told else ())


def test_a_plan_tells_that_data_go_with_a_stack() -> None:
    old = cluster({"cp-1": DISK}, {"name": "db", "placed": ["cp-1"], "data": "delete"})
    assert placement_changes(old, cluster({"cp-1": DISK})) == (
        "stack `db`: cp-1 -> nowhere; its data on cp-1 go with it",
    )


def test_what_is_stored_says_where_a_stack_runs_without_the_catalog() -> None:
    made = settled(cluster({"cp-1": DISK, "cp-2": {}}, {"name": "db"}), None, KNOWN)
    again = load_cluster(dump_cluster(made), "stored spec")
    assert placed(again) == ("cp-1",)
    assert settled(again, made, KNOWN) == made
    assert settled(cluster({"cp-1": DISK, "cp-2": {}}, {"name": "db"}), made, KNOWN) == made


def test_a_stack_that_asks_for_nothing_has_no_memory() -> None:
    made = settled(cluster({"cp-1": {}, "cp-2": {}}, {"name": "plain"}), None, KNOWN)
    assert placed(made) is None
    assert all(made.spec.stacks[0].runs_on(host) for host in made.spec.hosts.members)


def test_labels_that_a_host_must_not_have_keep_it_away() -> None:
    labels: dict[str, dict[str, str]] = {"cp-1": {"edge": "no"}, "cp-2": {"edge": "yes"}, "cp-3": {}}
    assert set(placed(settled(cluster(labels, {"name": "web"}), None, KNOWN)) or ()) == {"cp-2", "cp-3"}
    kept = settled(cluster(labels, {"name": "web", "notLabels": {"edge": "yes"}}), None, KNOWN)
    assert placed(kept) == ("cp-3",)


@pytest.mark.parametrize(
    ("labels", "stack", "problem"),
    [
        ({"cp-1": {}}, {"name": "db"}, "spec.stacks[0]: `db` is to run on 1, and no host fits"),
        ({"cp-1": DISK}, {"name": "db", "scale": 2}, "spec.stacks[0].scale: `db` is to run on 2, and cp-1 fits"),
        ({"cp-1": {"edge": "no"}}, {"name": "web"}, "spec.stacks[0]: `web` is to run on all hosts that fit, and no"),
    ],
)
def test_a_spec_is_refused_where_too_few_hosts_fit(
    labels: dict[str, dict[str, str]], stack: dict[str, Any], problem: str
) -> None:
    (found,) = problems(cluster(labels, stack), Known(stacks=KNOWN))
    assert str(found).startswith(problem)


def test_a_stack_that_cannot_be_loaded_is_told_to_who_picks_it() -> None:
    known = {"db": replace(DATABASE, broken="/own/db/stack.yaml:3: services: it is wrong")}
    (found,) = problems(cluster({"cp-1": DISK}, {"name": "db"}), Known(stacks=known))
    assert "`db` cannot be picked: /own/db/stack.yaml:3: services: it is wrong" in str(found)
