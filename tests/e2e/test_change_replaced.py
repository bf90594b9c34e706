"""A machine that was installed anew under the name of a host: trusted only by the param that names it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from e2e.etcd import ETCD_HOSTS, check, members, writer
from e2e.ground import OVERLAPPING, Ground
from e2e.serving import node_names
from e2e.standing import empty_ground, ensure_cluster, stands
from windlass_lab import faults

pytestmark = pytest.mark.full

EVEN = {"allowEven": True}
JOINING = {"w-2": ("worker",), "cp-4": ("etcd", "control-plane")}


@pytest.fixture(params=list(JOINING))
def host(request: pytest.FixtureRequest) -> str:
    """The host that is replaced."""
    name: str = request.param
    return name


@pytest.fixture
def wide(ground: Ground, host: str) -> Iterator[Ground]:
    """The cluster of 3 + 1 hosts and one more."""
    ensure_cluster(ground)
    with ground.more_hosts(host) as wide:
        try:
            wide.apply(spec_with(wide, host)).succeeded()
            yield wide
        finally:
            if not stands(ground):
                empty_ground(wide)


def spec_with(ground: Ground, host: str) -> str:
    return ground.spec({**OVERLAPPING, host: JOINING[host]}, etcd=EVEN)


def test_a_reinstalled_machine_joins_once_its_new_key_is_accepted_by_name(wide: Ground, host: str) -> None:
    spec = spec_with(wide, host)
    new = replace(wide, lab=faults.wipe(wide.lab, host, new_keys=True))
    fresh = next(one.public_key for one in new.lab.hosts if one.name == host).split()[1]

    silent = wide.apply(spec)
    assert new.traces(host) == [], "nothing is done on a machine whose key nobody has accepted"
    assert silent.state == "failed" or f"left out: {host}" in silent.result("gate")["text"]

    with writer(wide) as writing:
        run = wide.apply(spec, accept_new_host_key=[host]).succeeded()

    check(wide, writing)
    assert run.outcome == "done"
    assert wide.not_ready({**OVERLAPPING, host: JOINING[host]}) == set()
    planes = [*ETCD_HOSTS, *([host] if "etcd" in JOINING[host] else [])]
    assert members(wide) == dict.fromkeys(planes, False)
    assert any(host in line and "key" in line for line in wide.service_log()), "it is recorded"
    assert fresh not in spec
    assert wide.apply(spec).succeeded().outcome == "nothing", "the key that was accepted is known from now on"

    wide.apply(wide.spec()).succeeded()
    assert node_names(wide) == set(OVERLAPPING)
    assert new.traces(host) == []


def test_a_key_that_has_not_changed_needs_no_accepting(wide: Ground, host: str) -> None:
    assert wide.apply(spec_with(wide, host), accept_new_host_key=[host]).succeeded().outcome == "nothing"
    wide.apply(wide.spec()).succeeded()
