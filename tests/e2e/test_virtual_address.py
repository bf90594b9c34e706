"""The API's virtual address: one host holds it, and another one at once where that host, or what it needs, ends."""

from __future__ import annotations

import re
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
import yaml

from e2e.ground import CLUSTER, HOSTS, Ground, wait_for
from windlass.cli.kubeconfig import login_kubeconfig
from windlass.domain.host.layout import ADDRESS_CONTAINER
from windlass.operations.cluster_api import credentials_of
from windlass_lab.faults import kill, start

pytestmark = pytest.mark.full

ACCESS = {"groups": {"admin": ["windlass:view"]}}
"""Without it nobody gets a kubeconfig through Airflow."""
PLANES = ("cp-1", "cp-2", "cp-3")
POLL_SECONDS = 0.05
MOST_SECONDS = 3.0
"""Without an answer after the host that held the address was lost."""
MOST_UNREADY_SECONDS = 5.0
"""The same where its API server was killed: the API proxy has to be sure, and keepalived asks it each second."""


def address_of(ground: Ground, number: int = 239) -> str:
    return f"{ground.lab.subnet.rpartition('.')[0]}.{number}"


def holders(ground: Ground, address: str, hosts: tuple[str, ...] = PLANES) -> list[str]:
    return [host for host in hosts if f" {address}/" in ground.on(host, "ip -o addr")]


def holder(ground: Ground, address: str, hosts: tuple[str, ...] = PLANES) -> str:
    """Return the one host that holds the address, as soon as it is one."""
    one: list[str] = wait_for(
        lambda: found if len(found := holders(ground, address, hosts)) == 1 else [], f"one holder of {address}"
    )
    return one[0]


@dataclass
class Poll:
    """A client that asks for the API at the address all the time, each time by a new connection."""

    url: str
    context: ssl.SSLContext
    answered: list[float] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.ended.wait(POLL_SECONDS):
            try:
                with httpx.Client(verify=self.context, timeout=0.5, trust_env=False) as client:
                    if client.get(self.url).status_code == httpx.codes.OK:
                        self.answered.append(time.monotonic())
            except httpx.HTTPError:
                continue

    def gap(self, since: float) -> float:
        """Return for how many seconds nobody answered at most, from one answer to the next, `since` a moment."""
        first = max((one for one in self.answered if one <= since), default=since)
        moments = [first, *(one for one in self.answered if one > since)]
        return max(after - before for before, after in pairwise(moments))


@contextmanager
def polled(ground: Ground, address: str) -> Iterator[Poll]:
    credentials = credentials_of(ground.pki())
    context = ssl.create_default_context(cadata=credentials.ca)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(credentials.certificate + credentials.key)
        file.flush()
        context.load_cert_chain(Path(file.name))
    poll = Poll(f"https://{address}:6443/readyz", context)
    thread = threading.Thread(target=poll.run, daemon=True)
    thread.start()
    try:
        wait_for(lambda: len(poll.answered) >= 10, f"answers at {address}")
        yield poll
    finally:
        poll.ended.set()
        thread.join()


def gap_after(poll: Poll, began: float, what: str) -> float:
    """Return the longest time without an answer since, once there have been answers for three seconds again."""
    wait_for(lambda: [one for one in poll.answered if one > began + MOST_UNREADY_SECONDS + 3], f"answers after {what}")
    gap = poll.gap(began)
    print(f"{what}: nobody answered for {gap:.2f} s")  # noqa: T201  a figure to read
    return gap


@pytest.fixture(scope="module")
def held(ground: Ground) -> Iterator[Ground]:
    """A cluster of three hosts of the control plane and a worker, with the address."""
    if ground.records.spec() is not None:
        ground.run("delete_cluster", confirm_name=CLUSTER).succeeded()
    ground.create(ground.spec(api={"virtualAddress": address_of(ground)}, access=ACCESS)).succeeded()
    yield ground
    if ground.records.spec() is not None:
        ground.run("delete_cluster", confirm_name=CLUSTER).succeeded()


def test_an_address_that_a_machine_has_is_refused_before_anything_is_changed(bare: Ground) -> None:
    address = address_of(bare, 238)
    bare.on("w-1", f"ip addr add {address}/24 dev eth0")
    try:
        roles = {"cp-1": ("etcd", "control-plane")}
        refusal = bare.create(bare.spec(roles, api={"virtualAddress": address})).refused("plan.preflight")
        assert f"something answers already at {address}" in refusal
    finally:
        bare.on("w-1", f"ip addr del {address}/24 dev eth0")


def test_control_planes_that_do_not_hear_each_other_are_told(bare: Ground) -> None:
    bare.on("cp-2", "nft add table ip deaf; nft 'add chain ip deaf in { type filter hook input priority 0; }'")
    bare.on("cp-2", "nft add rule ip deaf in ip protocol 112 drop")
    try:
        refusal = bare.create(bare.spec(api={"virtualAddress": address_of(bare)})).refused("plan.preflight")
        assert re.search(r"cp-2: it hears nothing of cp-1 and cp-3 by IP protocol 112", refusal)
    finally:
        bare.on("cp-2", "nft delete table ip deaf")


def test_kubeconfigs_lead_to_the_address(held: Ground) -> None:
    text = login_kubeconfig(held.client, CLUSTER, held.home.root.name)
    servers = [one["cluster"]["server"] for one in yaml.safe_load(text)["clusters"]]
    assert servers == [f"https://{address_of(held)}:6443"]


def test_it_moves_when_its_holder_loses_its_power(held: Ground) -> None:
    address = address_of(held)
    first = holder(held, address)
    others = tuple(host for host in PLANES if host != first)
    with polled(held, address) as poll:
        began = time.monotonic()
        kill(held.lab, first)
        try:
            assert gap_after(poll, began, f"the power of {first} was cut") <= MOST_SECONDS
            second = holder(held, address, others)
        finally:
            start(held.lab, first)
        wait_for(lambda: "windlass-keepalived" in held.on(first, "docker ps"), f"keepalived on {first}")
        time.sleep(10)  # nothing tells that something stays: it takes time
        assert holder(held, address) == second, "who holds it well keeps it"


def test_it_leaves_an_api_server_that_died(held: Ground) -> None:
    address = address_of(held)
    first = holder(held, address)
    with polled(held, address) as poll:
        began = time.monotonic()
        held.on(first, "docker kill windlass-kube-apiserver")
        try:
            gap = gap_after(poll, began, f"the API server of {first} was killed")
            assert holder(held, address) != first
        finally:
            held.on(first, "docker start windlass-kube-apiserver")
        assert gap <= MOST_UNREADY_SECONDS


def test_a_keepalived_that_is_gone_is_made_again(held: Ground) -> None:
    address = address_of(held)
    first = holder(held, address)
    with held.watched(), polled(held, address) as poll:
        began = time.monotonic()
        held.on(first, f"docker rm -f {ADDRESS_CONTAINER}")
        wait_for(
            lambda: ADDRESS_CONTAINER in held.on(first, "docker ps"), f"keepalived on {first}", timedelta(minutes=3)
        )
        gap_after(poll, began, f"keepalived of {first} was taken away")
        wait_for(held.is_seen_healthy, "health calls all of the cluster healthy", timedelta(minutes=3))
    holder(held, address)


def test_it_is_moved_and_turned_off_by_a_change(held: Ground) -> None:
    first, second = address_of(held), address_of(held, 237)
    held.apply(held.spec(api={"virtualAddress": second})).succeeded()
    holder(held, second)
    assert holders(held, first) == []
    with polled(held, second):
        pass
    assert held.apply().succeeded().outcome == "nothing"

    held.apply(held.spec(api={"virtualAddress": None})).succeeded()
    assert holders(held, second) == []
    for host in PLANES:
        assert ADDRESS_CONTAINER not in held.on(host, "docker ps -a")
        assert "virtual-address" not in held.on(host, "ls /etc/windlass/stacks")


def test_it_is_turned_on_in_a_running_cluster_and_goes_with_it(held: Ground) -> None:
    address = address_of(held)
    held.apply(held.spec(api={"virtualAddress": address})).succeeded()
    with polled(held, address):
        holder(held, address)
    held.run("delete_cluster", confirm_name=CLUSTER).succeeded()
    assert holders(held, address, HOSTS) == []
    assert {host: held.traces(host) for host in HOSTS} == {host: [] for host in HOSTS}
