"""The probe loop: what runs on a vantage host while Airflow watches. It reads, looks, and tells; it changes nothing.

It is sent to hosts over an SSH channel and runs there from memory, with any Python from 3.7 on and little more of the
standard library than its smallest part. Orders come on stdin, words go to stdout, one a line with tabs between fields
(windlass.domain.health.protocol). It ends when stdin ends, or when nothing came for a while: then whoever listened is
gone, and the network has not told.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import BinaryIO

from windlass.effects.probe import host_report
from windlass.effects.probe.checks import Probe, left, look, numbers
from windlass.effects.probe.objects import ObjectWatch

BEAT = 10.0
ORPHANED = 180.0
LOCAL_PACE = 10.0
NODES_PACE = 15.0
CERTIFICATES_PACE = 600.0
BLIND_LOOKS = 3
"""Looks in a row at which the API tells of no node, until another host should ask it."""
OVERLOADED = 16
"""How many processes may wait for each CPU, over a minute, until looks that time out count for nothing."""
TOLD = 3
"""How often a report that stays the same is told."""


class MessageWriter:
    """Says words, each once as long as it stays the same: the first few times, then only when it changes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._runs: dict[object, tuple[object, int]] = {}

    def say(self, *fields: object) -> None:
        """Say one word now."""
        clean = (str(field).replace("\n", " ").replace("\t", " ") for field in fields)
        line = "\t".join([f"{time.monotonic():.3f}", *clean])
        with self._lock:
            try:
                self._stream.write(line.encode("utf-8", "replace") + b"\n")
                self._stream.flush()
            except (OSError, ValueError):
                # Nobody listens any more.
                os._exit(0)

    def tell(self, key: object, value: object, times: int, fields: tuple[object, ...]) -> None:
        """Say a word about `key` if its value changed, or was the same fewer than `times` times."""
        last, run = self._runs.get(key, (None, 0))
        run = run + 1 if last == value else 1
        self._runs[key] = (value, run)
        if run <= times:
            self.say(*fields)

    def forget(self, key: object) -> None:
        """Let the next word about `key` be told whatever it is."""
        self._runs.pop(key, None)


class ProbeRunner(threading.Thread):
    """Looks at one probe until it is told to rest."""

    def __init__(self, probe: Probe, peers: dict[str, list[int]], mouth: MessageWriter) -> None:
        super().__init__(daemon=True)
        self.probe = probe
        self._peers = {address: ports for address, ports in peers.items() if address != probe.address}
        self._mouth = mouth
        self._rest = threading.Event()

    def stop(self) -> None:
        """Rest."""
        self._rest.set()

    def run(self) -> None:
        """Look at the interval; a look that this host itself held up says nothing."""
        probe = self.probe
        self._mouth.forget(probe.id)
        due = time.monotonic()
        while not self._rest.wait(left(due)):
            begun = time.monotonic()
            outcome, detail = look(probe, self._peers)
            probe.last = ended = time.monotonic()
            held_up = max(begun - due, ended - begun - probe.timeout - 1.25)
            if outcome in ("hung", "silent", "alone") and (held_up > min(1.0, probe.timeout / 2) or is_overloaded()):
                outcome, detail = "held_up", f"by {held_up:.1f} s, at a load of {os.getloadavg()[0]:.0f}"
            if not self._rest.is_set():
                self._mouth.tell(probe.id, outcome, probe.times, ("look", probe.id, outcome, detail))
            due = max(due + probe.interval, ended)


def is_overloaded() -> bool:
    """Say whether so much waits for a CPU here that an answer which does not come in time says nothing."""
    return os.getloadavg()[0] > OVERLOADED * (os.cpu_count() or 1)


class Loop:
    """All that one host does for the watcher. Each `do_…` is an order."""

    def __init__(self, mouth: MessageWriter) -> None:
        self._mouth = mouth
        self._probes: dict[str, Probe] = {}
        self._peers: dict[str, list[int]] = {}
        self._watchers: dict[str, ProbeRunner] = {}
        self._units: list[str] = []
        self._address: tuple[str, int] | None = None
        self._lives: dict[str, host_report.UnitHistory] = {}
        self._heard = time.monotonic()
        self._nodes_ended = threading.Event()
        self._nodes_told: set[object] = set()
        self._objects = ObjectWatch()
        self._blind = 0

    def obey(self, line: str) -> None:
        """Take one order; one that is not known, such as `alive`, only says that somebody listens."""
        self._heard = time.monotonic()
        word, *fields = line.rstrip("\n").split("\t")
        order = getattr(self, f"do_{word}", None)
        if order is not None:
            order(*fields)

    def do_probe(self, *fields: str) -> None:
        """Learn what can be looked at."""
        self._probes[fields[0]] = Probe(list(fields))

    def do_peer(self, address: str, ports: str) -> None:
        """Learn of another host, to tell a cut from a host that is down."""
        self._peers[address] = numbers(ports)

    def do_unit(self, name: str) -> None:
        """Learn of a unit to report on."""
        self._units.append(name)

    def do_address(self, address: str, port: str) -> None:
        """Learn of the API's virtual address, to report whether this host holds it."""
        self._address = (address, int(port))

    def do_object(self, addon: str, path: str, kind: str, name: str) -> None:
        """Learn of an object of the cluster to report on, together with its nodes."""
        self._objects.expect(addon, path, kind, name)

    def do_start(self) -> None:
        """Begin with what goes on by itself."""
        self._every(BEAT, self._beat)
        self._every(LOCAL_PACE, self._report)
        self._every(CERTIFICATES_PACE, self._report_certificate)

    def do_nodes(self, address: str, port: str) -> None:
        """Begin to report how Kubernetes finds its nodes."""
        self.do_no_nodes()
        ended = self._nodes_ended = threading.Event()
        self._every(NODES_PACE, lambda: self._report_nodes(address, int(port)), ended)

    def do_no_nodes(self) -> None:
        """Report of nodes no more."""
        self._nodes_ended.set()
        for key in self._nodes_told:
            self._mouth.forget(key)
        self._nodes_told.clear()
        self._objects.forget()
        self._blind = 0

    def do_watch(self, name: str) -> None:
        """Look at something, at once and from now on."""
        self.do_rest(name)
        if name in self._probes:
            watcher = self._watchers[name] = ProbeRunner(self._probes[name], self._peers, self._mouth)
            watcher.start()

    def do_rest(self, name: str) -> None:
        """Look no more."""
        watcher = self._watchers.pop(name, None)
        if watcher is not None:
            watcher.stop()

    def do_inspect(self, component: str) -> None:
        """Say since when a container runs; aside, as Docker may hang."""
        threading.Thread(target=self._inspect, args=(component,), daemon=True).start()

    def _inspect(self, component: str) -> None:
        self._mouth.say("container", component, *host_report.container(component))

    def _every(self, seconds: float, act: Callable[[], None], ended: threading.Event | None = None) -> None:
        ended = ended or threading.Event()

        def run() -> None:
            while not ended.is_set():
                try:
                    act()
                except Exception as error:  # noqa: BLE001 - whatever goes wrong with one report must not end the others
                    self._mouth.tell("trouble", str(error), 1, ("trouble", repr(error)))
                ended.wait(seconds)

        threading.Thread(target=run, daemon=True).start()

    def _beat(self) -> None:
        if time.monotonic() - self._heard > ORPHANED:
            os._exit(0)
        self._mouth.say("beat", f"{time.time():.3f}")
        for watcher in list(self._watchers.values()):
            probe = watcher.probe
            if time.monotonic() - probe.last > 3 * (probe.interval + probe.timeout) + 2:
                # What the next look sees is news, also if it is what the one before saw.
                self._mouth.forget(probe.id)
                self._mouth.say("look", probe.id, "unsure", "the look is stuck")

    def _report(self) -> None:
        for name, state in host_report.units(self._units, self._lives):
            if state != "hanging" or not is_overloaded():
                self._mouth.tell(("unit", name), state, TOLD, ("unit", name, state))
        for path, free in host_report.disks():
            self._mouth.tell(("disk", path), free, TOLD, ("disk", path, free))
        if self._address is not None:
            held = host_report.held(*self._address)
            self._mouth.tell("address", held, TOLD, ("address", self._address[0], held))

    def _report_certificate(self) -> None:
        found = {
            host_report.CERTIFICATES: host_report.oldest_certificate(),
            host_report.AUTHORITIES: host_report.oldest_authority(),
        }
        for name, oldest in found.items():
            if oldest:
                # Twice, since one word alone is not believed.
                self._mouth.say("certificate", name, oldest)
                self._mouth.say("certificate", name, oldest)

    def _report_nodes(self, address: str, port: int) -> None:
        told = host_report.nodes(address, port)
        self._blind = 0 if told else self._blind + 1
        if self._blind and self._blind % BLIND_LOOKS == 0:
            self._mouth.say("nodes", "blind")
        for name, status in told:
            self._nodes_told.add(("node", name))
            self._mouth.tell(("node", name), status, TOLD, ("node", name, status))
        if told:
            not_ready = sum("Ready" not in status.split(",") for _, status in told)
            for addon, state in self._objects.look(address, port, not_ready).items():
                self._nodes_told.add(("addon", addon))
                self._mouth.tell(("addon", addon), state, TOLD, ("addon", addon, state))


def main(read: BinaryIO, write: BinaryIO) -> None:
    """Obey until nobody gives orders any more."""
    loop = Loop(MessageWriter(write))
    for line in iter(read.readline, b""):
        loop.obey(line.decode("utf-8", "replace"))
    os._exit(0)
