"""What happens while a running cluster is changed, or stands in the way of it; each ends as the spec says.

Hosts that join here are hosts of their own, which the lab makes for these tests alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

import pytest

from e2e.clients import api_client
from e2e.etcd import ETCD_HOSTS, check, is_healthy, member_ids, members, writer
from e2e.ground import CHANGE_LIMIT, OVERLAPPING, Ground, Run, wait_for
from e2e.serving import is_cordoned, node_names
from e2e.standing import empty_ground, ensure_cluster, stands
from windlass.errors import WindlassError
from windlass_lab import faults

pytestmark = pytest.mark.full

Roles = Mapping[str, tuple[str, ...]]
EVEN = {"allowEven": True}
WORKER: Roles = {"w-2": ("worker",)}
PLANES: Roles = {"cp-4": ("etcd", "control-plane")}
JOINING: Roles = {**WORKER, **PLANES}


def grown(ground: Ground, joining: Roles = JOINING) -> str:
    return ground.spec({**OVERLAPPING, **joining}, etcd=EVEN)


@pytest.fixture(scope="module")
def extra(ground: Ground) -> Iterator[Ground]:
    """The ground with two hosts more, which are free."""
    with ground.more_hosts(*JOINING) as wide:
        yield wide


@pytest.fixture
def wide(extra: Ground) -> Iterator[Ground]:
    """The cluster of 3 + 1 hosts, with two hosts beside it that are free and clean, before and after the test."""
    ensure_cluster(extra)
    yield extra
    for host in JOINING:
        faults.start(extra.lab, host)
    if not stands(extra) or extra.records.left_hosts():
        empty_ground(extra)
    for host in JOINING:
        if extra.traces(host):
            faults.wipe(extra.lab, host)


def lines(run: Run) -> set[str]:
    """Return what a run planned, line by line."""
    return {line for step in run.result("gate")["steps"] for line in step["does"]}


def settle(ground: Ground, spec: str) -> Run:
    """Apply a spec, and once more: nothing is left to do then."""
    run = ground.apply(spec).succeeded()
    assert ground.apply(spec).succeeded().outcome == "nothing"
    return run


# Hosts that go down, and those that never come back.


def test_a_worker_that_is_down_is_left_out_and_finished_once_it_is_back(wide: Ground) -> None:
    spec = wide.spec(components={"kubelet": {"extraArgs": {"v": "3"}}})
    faults.kill(wide.lab, "w-1")
    try:
        with api_client(wide, "cp-1") as api:
            run = wide.apply(spec).succeeded()
    finally:
        faults.start(wide.lab, "w-1")
    wait_for(lambda: not wide.not_ready(), "w-1 is Ready again")

    assert api.failed == []
    assert "left out: w-1" in run.result("gate")["text"]
    assert {line.partition(": ")[0] for line in lines(run)} == set(ETCD_HOSTS)
    rest = wide.apply(spec).succeeded()
    assert {line.partition(": ")[0] for line in lines(rest)} == {"w-1"}
    settle(wide, wide.spec())


def test_a_host_that_is_down_leaves_out_nobody_else_when_another_joins(wide: Ground) -> None:
    faults.kill(wide.lab, "w-1")
    try:
        run = wide.apply(grown(wide, WORKER)).succeeded()
        assert wide.not_ready({**OVERLAPPING, **WORKER}) == {"w-1"}
    finally:
        faults.start(wide.lab, "w-1")

    assert "left out: w-1" in run.result("gate")["text"]
    wait_for(lambda: not wide.not_ready(), "w-1 is Ready again")
    settle(wide, wide.spec())
    assert wide.traces("w-2") == []


def test_hosts_that_are_gone_for_good_are_forgotten_and_cleaned_when_they_come_back(wide: Ground) -> None:
    wide.apply(grown(wide)).succeeded()
    for host in JOINING:
        faults.kill(wide.lab, host)
    with writer(wide) as writing:
        run = wide.apply(wide.spec(), gone=sorted(JOINING)).succeeded()

    check(wide, writing)
    assert run.outcome == "done"
    assert members(wide) == dict.fromkeys(ETCD_HOSTS, False)
    assert node_names(wide) == set(OVERLAPPING)
    log = wide.service_log()
    assert all(any(host in line and "gone" in line for line in log) for host in JOINING), log[:10]
    assert {one.host.name for one in wide.records.left_hosts()} == set(JOINING)

    for host in JOINING:
        faults.start(wide.lab, host)
    stays_away(wide, JOINING)
    wide.apply().succeeded()
    assert {host: wide.traces(host) for host in JOINING} == {host: [] for host in JOINING}
    assert wide.records.left_hosts() == ()
    assert members(wide) == dict.fromkeys(ETCD_HOSTS, False)


def stays_away(ground: Ground, hosts: Roles, seconds: int = 30) -> None:
    """Fail if one of `hosts` is a node again within some time, which is longer than a kubelet takes to register."""
    with pytest.raises(AssertionError):
        wait_for(lambda: node_names(ground) & set(hosts), "a host comes back", timedelta(seconds=seconds))


def test_a_host_is_not_called_gone_while_the_spec_has_it(wide: Ground) -> None:
    refusal = wide.apply(wide.spec(), gone=["w-1"]).refused("gate")
    assert "gone: `w-1` is in the spec still" in refusal


def test_a_host_is_not_forgotten_where_quorum_forbids(wide: Ground) -> None:
    roles = {name: of for name, of in OVERLAPPING.items() if name != "cp-3"}
    before = member_ids(wide)
    for host in ("cp-2", "cp-3"):
        faults.kill(wide.lab, host)
    try:
        failed = wide.apply(wide.spec(roles, etcd=EVEN), gone=["cp-3"])
    finally:
        for host in ("cp-2", "cp-3"):
            faults.start(wide.lab, host)

    assert failed.state == "failed"
    assert "etcd" in failed.refused("gate")
    wait_for(lambda: all(is_healthy(wide, host) for host in ETCD_HOSTS), "all members are healthy again")
    wait_for(lambda: not wide.not_ready(), "all nodes are Ready again")
    assert member_ids(wide) == before
    settle(wide, wide.spec())


def test_the_last_api_server_that_answers_does_not_leave(wide: Ground) -> None:
    roles = {**OVERLAPPING, "cp-1": ("etcd",), "cp-2": ("etcd",)}
    faults.cut(wide.lab, "cp-3")
    try:
        run = wide.apply(wide.spec(roles))
        assert run.state == "failed" or run.outcome != "done"
        assert wide.kubectl("cp-1", "get", "--raw", "/readyz").strip() == "ok"
    finally:
        faults.mend(wide.lab, "cp-3")
    wait_for(lambda: is_healthy(wide, "cp-3"), "the member of cp-3 is healthy again")
    settle(wide, wide.spec())
    assert not wide.not_ready()


# A host that dies in the middle: when, as asked of the cluster from outside, and on which host.


def is_being_prepared(ground: Ground, host: str) -> bool:
    return ground.on(host, "[ ! -e /etc/windlass ] || echo yes").strip() == "yes"


def is_listed(ground: Ground, host: str) -> bool:
    # One that was added and has not started has no name yet.
    return len(members(ground)) > len(ETCD_HOSTS) or host in members(ground)


@pytest.mark.parametrize(
    ("joining", "moment"),
    [(WORKER, is_being_prepared), (PLANES, is_being_prepared), (PLANES, is_listed)],
    ids=["worker", "planes-prepared", "planes-member"],
)
def test_a_host_that_dies_while_it_joins_joins_once_it_is_back(
    wide: Ground, joining: Roles, moment: Callable[[Ground, str], bool]
) -> None:
    (host,) = joining
    spec = grown(wide, joining)
    with writer(wide) as writing, api_client(wide, "w-1") as api:
        run_id = wide.start_apply(spec)
        wait_for(lambda: moment(wide, host), f"{host} is on its way", CHANGE_LIMIT)
        faults.kill(wide.lab, host)
        try:
            wide.finish("apply_cluster", run_id, CHANGE_LIMIT)
        finally:
            faults.start(wide.lab, host)
        settle(wide, spec)

    assert api.failed == []
    check(wide, writing)
    assert wide.not_ready({**OVERLAPPING, **joining}) == set()
    settle(wide, wide.spec())
    assert wide.traces(host) == []


def is_leaving(ground: Ground, host: str) -> bool:
    try:
        return is_cordoned(ground, host) or host not in node_names(ground)
    except WindlassError:  # the API server that is asked restarts
        return False


@pytest.mark.parametrize("joining", [WORKER, PLANES], ids=["worker", "planes"])
def test_a_host_that_dies_while_it_leaves_is_cleaned_once_it_is_back(wide: Ground, joining: Roles) -> None:
    (host,) = joining
    wide.apply(grown(wide, joining)).succeeded()
    with writer(wide) as writing, api_client(wide, "w-1") as api:
        run_id = wide.start_apply(wide.spec())
        wait_for(lambda: is_leaving(wide, host), f"{host} leaves", CHANGE_LIMIT)
        faults.kill(wide.lab, host)
        try:
            wide.finish("apply_cluster", run_id, CHANGE_LIMIT)
        finally:
            faults.start(wide.lab, host)
        settle(wide, wide.spec())

    assert api.failed == []
    check(wide, writing)
    assert members(wide) == dict.fromkeys(ETCD_HOSTS, False)
    assert node_names(wide) == set(OVERLAPPING)
    assert wide.traces(host) == []
    assert wide.records.left_hosts() == ()


def test_a_learner_has_no_vote_until_it_has_caught_up(wide: Ground) -> None:
    def votes() -> bool:
        return members(wide).get("cp-4") is False

    with writer(wide) as writing, api_client(wide, "w-1") as api:
        run_id = wide.start_apply(grown(wide, PLANES))
        wait_for(lambda: is_listed(wide, "cp-4"), "cp-4 is listed", CHANGE_LIMIT)
        # Its SSH server answers on.
        faults.cut(wide.lab, "cp-4", peers=ETCD_HOSTS)
        try:
            with pytest.raises(AssertionError, match="it votes"):
                wait_for(votes, "it votes", timedelta(seconds=60))
        finally:
            faults.mend(wide.lab, "cp-4")
        wide.converge("apply_cluster", run_id).succeeded()

    assert votes()
    assert api.failed == []
    check(wide, writing)
    settle(wide, wide.spec())


# Runs that stop, or die.


def test_a_change_pauses_where_it_is_told_to_and_goes_on(wide: Ground) -> None:
    spec = grown(wide, PLANES)
    paused = wide.apply(spec, stop_after="join etcd cp-4").succeeded()

    assert paused.outcome == "paused"
    assert members(wide)["cp-4"] is False
    assert "cp-4" not in node_names(wide)
    assert wide.records.rollout() is not None
    rest = wide.apply(spec).succeeded()
    assert rest.outcome == "done"
    assert not [label for label in rest.result("result")["steps"] if label.startswith(("prepare", "join etcd"))]
    assert wide.not_ready({**OVERLAPPING, **PLANES}) == set()
    settle(wide, wide.spec())


def test_a_change_that_was_begun_is_taken_back_by_the_spec_before(wide: Ground) -> None:
    wide.apply(grown(wide), stop_after="join etcd cp-4").succeeded()

    settle(wide, wide.spec())

    assert members(wide) == dict.fromkeys(ETCD_HOSTS, False)
    assert {host: wide.traces(host) for host in JOINING} == {host: [] for host in JOINING}


def test_only_the_plan_of_the_given_digest_is_done(wide: Ground) -> None:
    plan = wide.apply(grown(wide, WORKER), plan_only=True).succeeded().result("gate")["plan"]

    refusal = wide.apply(grown(wide, PLANES), plan_digest=plan["digest"]).refused("gate")
    assert wide.apply(grown(wide, WORKER), plan_digest=plan["digest"]).succeeded().outcome == "done"

    assert plan["digest"] in refusal
    assert "join etcd cp-4" in refusal
    settle(wide, wide.spec())


def test_runs_of_which_every_task_is_killed_once_converge(wide: Ground) -> None:
    for spec, hosts in ((grown(wide), {**OVERLAPPING, **JOINING}), (wide.spec(), OVERLAPPING)):
        with api_client(wide, "w-1") as api:
            run_id = wide.start_apply(spec)
            killed = wide.kill_every_task_once("apply_cluster", run_id, CHANGE_LIMIT)
            steps = wide.converge("apply_cluster", run_id).succeeded().result("result")["steps"]
        assert api.failed == []
        assert {"gate", "confirm"} <= killed
        assert len([one for one in killed if one.startswith("roll[")]) > len(steps) // 2
        assert wide.not_ready(hosts) == set()
        assert node_names(wide) == {name for name, of in hosts.items() if set(of) != {"etcd"}}
        assert wide.apply().succeeded().outcome == "nothing"
    assert {host: wide.traces(host) for host in JOINING} == {host: [] for host in JOINING}


def test_of_two_applies_at_once_the_second_is_refused_and_the_first_goes_on(wide: Ground) -> None:
    run_id = wide.start_apply(grown(wide, WORKER))
    held = wide.task_process("apply_cluster", run_id, "confirm")
    held.suspend()
    try:
        second = wide.apply(grown(wide, PLANES))
    finally:
        held.resume()

    assert f"is being changed by apply_cluster (run {run_id})" in second.refused("lease")
    wide.finish("apply_cluster", run_id, CHANGE_LIMIT).succeeded()
    assert wide.not_ready({**OVERLAPPING, **WORKER}) == set()
    assert wide.traces("cp-4") == []
    settle(wide, wide.spec())
