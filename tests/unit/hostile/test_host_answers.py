"""What hosts print and say, whatever it is: understood or refused by an error of ours, with the host's name."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.hostile.mutations import BUDGET, mutated, mutated_json, mutated_text, returned
from windlass.domain.health.host_report import HostReport, assess
from windlass.domain.health.protocol import parse_message
from windlass.domain.host.facts import parse_facts
from windlass.domain.host.host_checks import host_checks
from windlass.domain.scripts.bootstrap import parse_member_origin
from windlass.domain.scripts.check_health import parse_health
from windlass.domain.scripts.inspect_host import parse_inspection
from windlass.domain.spec import load_cluster
from windlass.effects.catalog import load_catalog
from windlass.effects.probe.host_report import rows_of
from windlass.effects.probe.objects import counts, name_of
from windlass.effects.ssh.connection import SshTarget
from windlass.effects.ssh.file_state import parse
from windlass.effects.ssh.listening import Listener, _Session
from windlass.errors import WindlassError
from windlass.operations.health.probe_channel import ProbeChannel, ProbeListener

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
CONTAINER = {
    "Id": "0" * 64,
    "Name": "/windlass-etcd",
    "RestartCount": 1,
    "Config": {"Image": "etcd", "StopTimeout": 10, "Labels": {"io.windlass.component": "etcd"}},
    "State": {"Status": "running", "StartedAt": "2026-11-24T11:00:00.123456789Z", "ExitCode": 0, "FinishedAt": ""},
}
FACTS = """os_id=debian
epoch=1790000000.5
cpus=2
memory_kib=4000000
cgroup=2
cap_bounding=1ffffffffff
disk=/var/lib 123456
listening_hex=192B
swap_known=yes
complete=yes
"""
INSPECTION = f"""programs=known
program=0123
engine=answers
{json.dumps(CONTAINER)}
images=docker
image=docker here
link=/usr/bin/a /b
setting=00:11:system
unit=kubelet:active:00:11
version=kubelet v1.37.2
complete=yes
"""
HEALTH = f"""engine=answers
{json.dumps(CONTAINER)}
probe=etcd 3 000 7
probe=kube-apiserver ok 0
probe=kubelet 2 500
unit=docker active running S success
unit=kubelet failed dead - exit-code
free_kib=12345678
mark=demo
member_data=yes
complete=yes
"""
SPEC = """apiVersion: windlass/v1
kind: Cluster
metadata: {name: demo}
spec:
  kubernetes: {version: v1.37.2}
  hosts: {members: [{name: cp-1, address: 192.0.2.11, roles: [etcd, control-plane, worker]}]}
"""


@given(text=mutated_text([FACTS]))
@BUDGET
def test_facts(text: str) -> None:
    returned(lambda: parse_facts(text))


@given(text=mutated_text([INSPECTION]))
@BUDGET
def test_inspections(text: str) -> None:
    returned(lambda: parse_inspection(text, "cp-1", parse_facts("complete=yes"), {}))


@given(data=mutated_json([CONTAINER]))
@BUDGET
def test_containers_in_inspections_and_health(data: bytes) -> None:
    line = data.decode(errors="replace").replace("\n", " ")
    returned(lambda: parse_inspection(f"engine=answers\n{line}\ncomplete=yes", "cp-1", parse_facts("complete=yes"), {}))
    found = returned(lambda: parse_health(f"engine=answers\n{line}\ncomplete=yes", CHECKS, frozenset(), NOW))
    assert found is not None


def checks() -> Any:
    cluster = load_cluster(SPEC, "spec")
    release = load_catalog(ROOT / "include" / "templates" / "kubernetes").release("v1.37.2")
    return next(iter(host_checks(cluster, release).values()))


CHECKS = checks()


@given(text=mutated_text([HEALTH]))
@BUDGET
def test_health(text: str) -> None:
    returned(lambda: parse_health(text, CHECKS, frozenset({"docker"}), NOW))


@given(text=mutated_text(["mark=demo\ninitial=cp-1=https://192.0.2.1:2380\nremains=/var/lib/member.old\napplied=12\n"]))
@BUDGET
def test_origins_of_members(text: str) -> None:
    returned(lambda: parse_member_origin(text))


STAT = b"81a4 0:0 root:root /etc/a\0absent /etc/b\0" + b"0" * 64 + b"  /etc/a\0"


@given(data=mutated([STAT]))
@BUDGET
def test_states_of_files(data: bytes) -> None:
    assert set(parse(data, ["/etc/a", "/etc/b"])) == {"/etc/a", "/etc/b"}


LINES = [
    "12.5\tbeat\t1790000000.1", "12.5\tlook\tcp-1/etcd\trefused\tnothing listens", "12.5\tnode\tw-1\tReady",
    "12.5\tcontainer\tetcd\trunning\t60.0", "12.5\tunit\tdocker\tfailed", "12.5\tdisk\t/\t7",
    "12.5\tcertificate\tcertificates\t100 1000 /etc/a.crt", "12.5\taddon\tcoredns\t1|short Deployment a/b 2 1",
]  # fmt: skip


@given(line=mutated_text(LINES))
@BUDGET
def test_lines_of_probe_loops(line: str) -> None:
    message = parse_message(line)
    if message is not None and len(message.fields) == 2:
        assess(HostReport(message.verb, *message.fields))


@given(
    topic=st.sampled_from(["unit", "disk", "clock", "certificate", "node", "backup", "left", "addon"]), value=st.text()
)
@BUDGET
def test_reports(topic: str, value: str) -> None:
    assess(HostReport(topic, "name", value))


class Channel:
    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def abort(self) -> None:
        pass


@given(pieces=st.lists(mutated(["\n".join(LINES).encode(), b"\n" * 3000, b"x" * 20_000]), max_size=4))
@BUDGET
def test_streams_of_probe_loops(pieces: list[bytes]) -> None:
    """Nothing that comes over a channel raises within the event loop, which all clusters share."""

    async def run() -> None:
        def message(_: str, __: Any) -> None:
            raise KeyError("unreadable")

        listener = ProbeListener(lambda _: "", message, lambda _, __: None)
        channel = ProbeChannel(SshTarget("w-1", "192.0.2.4", "ops", "key"), "", listener)
        session = _Session(Listener(channel._hear, lambda _: None))
        session.connection_made(Channel())  # type: ignore[arg-type]
        for piece in pieces:
            session.data_received(piece, None)
            session.data_received(piece, 1)
        session.connection_lost(None)

    asyncio.run(run())


TABLE = {
    "columnDefinitions": [{"name": "Name"}, {"name": "Ready"}, {"name": "Available"}],
    "rows": [{"cells": ["coredns", "2/2", 2], "object": {"metadata": {"namespace": "kube-system", "name": "coredns"}}}],
}


@given(body=mutated_json([TABLE]), head=mutated([b"HTTP/1.0 200 OK\r\nA: b\r\n\r\n"]))
@BUDGET
def test_tables_of_the_api_on_hosts(body: bytes, head: bytes) -> None:
    for row in rows_of(head + body) or []:
        try:
            counts(row), name_of(row)
        except (KeyError, TypeError, AttributeError):
            return  # the loop tells of trouble, and goes on


def test_a_number_without_end_counts_as_none() -> None:
    endless = json.dumps(TABLE).encode().replace(b", 2]", b", 2e999]")
    (row,) = rows_of(b"HTTP/1.0 200 OK\r\n\r\n" + endless) or []
    assert counts(row) == (0, 0)


@pytest.mark.parametrize("answer", [b"", b"\0" * 100, b"HTTP/1.0 200 OK\r\n\r\n" + b"[" * 100_000])
def test_what_is_no_table_is_none(answer: bytes) -> None:
    assert not rows_of(answer)


def test_an_error_names_the_host() -> None:
    with pytest.raises(WindlassError, match=r"^cp-1: "):
        parse_inspection("setting=x\ncomplete=yes", "cp-1", parse_facts("complete=yes"), {})
