"""What goes wrong in the middle of a run: it converges once the fault is over."""

from __future__ import annotations

import functools
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Network

import pytest

from e2e.ground import Ground
from windlass_lab import faults

pytestmark = pytest.mark.full

CHANGING = (
    "hosts.prepare",
    "hosts.certificates",
    "cluster.etcd",
    "cluster.control_plane",
    "cluster.workers",
    "cluster.services",
    "verify",
)


def test_a_run_of_which_every_task_is_killed_once_converges(bare: Ground) -> None:
    run_id = bare.start("create_cluster", spec=bare.spec())

    killed = bare.kill_every_task_once("create_cluster", run_id, timedelta(minutes=12))

    assert killed >= set(CHANGING)
    bare.converge("create_cluster", run_id).succeeded()
    assert not bare.not_ready()
    assert bare.create().succeeded().result("record") == "create_cluster: nothing to change"
    assert bare.apply().succeeded().outcome == "nothing"


def test_a_disk_that_is_full_is_told_and_the_run_goes_on_once_there_is_room(bare: Ground) -> None:
    bare.on("w-1", "mkdir -p /opt/windlass && mount -t tmpfs -o size=32m tmpfs /opt/windlass")
    try:
        run_id = bare.start("create_cluster", spec=bare.spec())
        refusal = bare.finish("create_cluster", run_id).refused("hosts.prepare")
    finally:
        bare.on("w-1", "umount /opt/windlass")
    assert "w-1: " in refusal
    assert "Failure writing output" in refusal
    assert "KiB are free in /opt/windlass" in refusal

    bare.client.clear_failed("create_cluster", run_id)
    bare.finish("create_cluster", run_id).succeeded()
    assert not bare.not_ready()


def test_a_host_that_is_cut_off_in_the_middle_is_taken_up_again(bare: Ground) -> None:
    run_id = bare.start("create_cluster", spec=bare.spec())
    bare.task_process("create_cluster", run_id, "hosts.prepare")
    faults.cut(bare.lab, "w-1")
    try:
        bare.task_process("create_cluster", run_id, "cluster.etcd", within=timedelta(seconds=40))
    except AssertionError:
        pass  # the whole run waits for the host: as good
    finally:
        faults.mend(bare.lab, "w-1")

    bare.converge("create_cluster", run_id).succeeded()

    assert not bare.not_ready()


def test_a_scheduler_that_is_killed_is_replaced_and_the_run_goes_on(bare: Ground) -> None:
    run_id = bare.start("create_cluster", spec=bare.spec())
    bare.task_process("create_cluster", run_id, "cluster.services")
    bare.component("scheduler").kill()

    bare.converge("create_cluster", run_id).succeeded()

    assert not bare.not_ready()


class TamperingHandler(BaseHTTPRequestHandler):
    """Gives what the mirror gives, but the CNI plugins with another first byte, and another lock if it lies."""

    def __init__(self, mirror: str, *args: object, lies: bool) -> None:
        self._mirror, self._lies = mirror, lies
        super().__init__(*args)  # type: ignore[arg-type]  # what the server gives is handed on

    def do_GET(self) -> None:
        try:
            with urllib.request.urlopen(f"{self._mirror}{self.path}", timeout=60) as answer:  # noqa: S310 - the lab's mirror
                content = answer.read()
        except urllib.error.HTTPError as error:
            self.send_error(error.code)
            return
        if self.path.endswith("/cni-plugins"):
            content = bytes([content[0] ^ 1]) + content[1:]
        if self.path == "/lock.json" and self._lies:
            content = content.replace(b'"source": "', b'"source": "not-')
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the base class gave
        pass


@contextmanager
def tampering_mirror(ground: Ground, *, lies: bool = False) -> Iterator[str]:
    gateway = str(IPv4Network(ground.lab.subnet)[1])
    server = ThreadingHTTPServer((gateway, 0), functools.partial(TamperingHandler, ground.lab.mirror_url, lies=lies))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{gateway}:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_mirror_that_gives_other_bytes_than_its_lock_says_is_refused(bare: Ground) -> None:
    with tampering_mirror(bare) as mirror:
        refusal = bare.create(bare.spec(artifacts={"mirror": mirror})).refused("hosts.prepare")

    assert "cni-plugins has sha256" in refusal
    assert "but the lock says" in refusal
    bare.create(bare.spec()).succeeded()
    assert not bare.not_ready()


def test_a_mirror_whose_lock_nobody_accepted_is_refused_and_told_before_anything_changes(bare: Ground) -> None:
    with tampering_mirror(bare, lies=True) as mirror:
        refusal = bare.create(bare.spec(artifacts={"mirror": mirror})).refused("plan.preflight")

    assert f"mirror {mirror}: nobody has accepted its lock yet" in refusal
    assert f"windlass mirror accept {mirror} --digest sha256:" in refusal
    assert bare.records.spec() is None
