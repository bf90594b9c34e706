"""A host that sends what it should not is dropped, counts as broken, and decides nothing about other hosts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest

from unit.health.world import plan
from windlass.domain.health import Effects, Finding, Kind
from windlass.domain.health.protocol import ProbeMessage
from windlass.effects.ssh.connection import SshTarget
from windlass.effects.ssh.listening import Listener
from windlass.operations.health import probe_channel
from windlass.operations.health.cluster_monitor import ClusterMonitor
from windlass.operations.health.fleet import MonitoredCluster
from windlass.operations.health.probe_channel import MOST_UNREADABLE, ProbeChannel, ProbeListener

LOGIN = SshTarget("w-1", "192.0.2.4", "ops", "key")
LIMIT = 30


class Line:
    """A line whose host says what the test has it say."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.is_closed = False
        self.written = ""

    def write(self, text: str) -> None:
        self.written += text

    def close(self) -> None:
        self.is_closed = True


class Dialler:
    def __init__(self) -> None:
        self.lines: asyncio.Queue[Line] = asyncio.Queue()

    async def dial(self, target: SshTarget, argv: Sequence[str], listener: Listener) -> Line:
        line = Line(listener)
        self.lines.put_nowait(line)
        return line

    async def close(self) -> None:
        pass


class Watched:
    """One channel, and what is heard over it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, most: int = 10_000) -> None:
        monkeypatch.setattr(probe_channel, "RETRY_SECONDS", (0.0,))
        self.began: list[str] = []
        self.messages: list[ProbeMessage] = []
        self.failures: asyncio.Queue[str] = asyncio.Queue()
        listener = ProbeListener(self._began, self._message, lambda _, why: self.failures.put_nowait(why))
        self.dialler = Dialler()
        self.channel = ProbeChannel(LOGIN, "", listener, most)
        self.channel.start(self.dialler, asyncio.Semaphore(1))

    def _began(self, host: str) -> str:
        self.began.append(host)
        return "began\n"

    def _message(self, _: str, message: ProbeMessage) -> None:
        if message.verb == "look":
            raise ValueError(message.fields)
        self.messages.append(message)

    async def line(self) -> Line:
        line = await asyncio.wait_for(self.dialler.lines.get(), LIMIT)
        await asyncio.sleep(0)  # until the program was written
        assert "load(" in line.written
        return line

    async def failure(self) -> str:
        return await asyncio.wait_for(self.failures.get(), LIMIT)


async def test_a_host_that_was_dropped_for_what_it_sent_is_not_believed_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = Watched(monkeypatch)
    monkeypatch.setattr(probe_channel, "SUSPECT_SECONDS", 3600.0)
    for attempt in range(4):
        line = await watched.line()
        line.listener.on_line("1.0\tbeat\t1")
        assert line.listener.on_broken is not None
        line.listener.on_broken("a line of more than 16384 bytes came")
        reason = await watched.failure()
        assert reason.startswith("w-1: the probe loop ended: a line of more than 16384 bytes came; it was dropped")
        # Only before the first time: else its good beginnings would outweigh each of its failures.
        assert (len(watched.messages), len(watched.began)) == (1, 1), attempt
    watched.channel.stop()


async def test_a_host_that_behaves_again_is_told_again_what_to_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    monkeypatch.setattr(probe_channel, "SUSPECT_SECONDS", 3600.0)
    line = await watched.line()
    assert line.listener.on_broken is not None
    line.listener.on_broken("too much")
    await watched.failure()
    line = await watched.line()
    assert "began" not in line.written
    watched.channel._suspect_until = time.monotonic()
    line.listener.on_line("1.0\tbeat\t1")
    assert line.written.endswith("began\n")
    line.listener.on_line("2.0\tbeat\t2")
    assert [message.moment for message in watched.messages] == [1.0, 2.0]
    assert line.written.count("began") == 1
    watched.channel.stop()


async def test_more_lines_than_any_loop_says_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, most=50)
    line = await watched.line()
    for number in range(200):
        line.listener.on_line(f"{number}\tbeat\t1")
    assert line.is_closed
    assert "more than 50 lines in a minute" in await watched.failure()
    assert len(watched.messages) == 50
    watched.channel.stop()


async def test_lines_that_cannot_be_read_are_borne_only_so_often(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched(monkeypatch)
    line = await watched.line()
    for _ in range(2 * MOST_UNREADABLE):
        if not line.is_closed:
            line.listener.on_line(f"1.0\tlook\t{'x' * 5000}")
    assert f"{MOST_UNREADABLE} of its lines could not be read" in await watched.failure()
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == MOST_UNREADABLE
    assert max(map(len, told)) < 700
    watched.channel.stop()


class Cluster:
    """A cluster's monitor over hosts that say what a test has them say."""

    def __init__(self) -> None:
        self.opened: list[Finding] = []
        hosts = ("cp-1", "cp-2", "cp-3", "w-1")
        watched = MonitoredCluster(
            plan=plan(hosts),
            targets={host: SshTarget(host, f"192.0.2.{n}", "ops", "key") for n, host in enumerate(hosts, 1)},
            units=dict.fromkeys(hosts, ("docker", "kubelet")),
            backup_schedule=None,
            reporters=hosts[:3],
        )
        # Seen before, so that nothing has time to start.
        states = [{"host": host, "component": "kube-apiserver", "status": "healthy"} for host in hosts]
        self.monitor = ClusterMonitor(watched, {"subjects": states}, self._take)

    def _take(self, effects: Effects) -> None:
        self.opened += effects.opened

    def hear(self, host: str, *fields: str) -> None:
        self.monitor._message(host, ProbeMessage(time.monotonic(), fields[0], fields[1:]))

    def kept(self) -> int:
        watch: Any = self.monitor.watch
        return len(watch._trackers) + len(watch._open) + len(watch._subjects) + len(self.monitor._asked_again)


def test_of_what_a_host_makes_up_nothing_is_kept() -> None:
    cluster = Cluster()
    before = cluster.kept()
    for number in range(500):
        for topic in ("unit", "disk", "certificate", "addon", "node"):
            for _ in range(2):
                cluster.hear("w-1", topic, f"made-up-{number}", "failed")
        cluster.hear("w-1", "look", f"made-up-{number}/etcd", "passed")
        cluster.hear("w-1", "container", f"made-up-{number}", "running", "nan")
    assert cluster.kept() == before
    assert cluster.opened == []


def test_a_worker_says_nothing_about_other_nodes_or_the_clusters_own_services() -> None:
    cluster = Cluster()
    for _ in range(5):
        cluster.hear("w-1", "node", "cp-1", "NotReady")
    assert cluster.opened == []
    for _ in range(5):
        cluster.hear("cp-2", "node", "cp-1", "NotReady")
    assert [(one.kind, one.host) for one in cluster.opened] == [(Kind.NODE_NOT_READY, "cp-1")]


def test_what_a_host_says_of_itself_is_kept_as_far_as_anybody_reads() -> None:
    cluster = Cluster()
    for _ in range(3):
        cluster.hear("w-1", "unit", "docker", "x" * 100_000)
    (finding,) = cluster.opened
    assert len(finding.evidence) < 1200


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", "x", ""])
def test_numbers_without_end_say_nothing(value: str) -> None:
    cluster = Cluster()
    for _ in range(3):
        cluster.hear("w-1", "disk", "/", value)
        cluster.hear("w-1", "certificate", "certificates", f"{value} 1000 /a.crt")
    assert cluster.opened == []
