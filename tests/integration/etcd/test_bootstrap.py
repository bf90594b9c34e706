"""What the rule about new clusters builds on, of real members, and that they start from what their files say."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from windlass.domain.host.layout import ETCD_DATA, ETCD_STATUS_PORT
from windlass.domain.scripts.bootstrap import member_origin_script, parse_member_origin

if TYPE_CHECKING:
    from conftest import Etcd, Member


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"not within 60 s: {what}"
        time.sleep(0.05)


def applied(etcd: Etcd, member: Member, port: int) -> int | None:
    """Return what the script of bootstraps says that a member has applied, once it has written its first log."""
    until(lambda: any(data_of(etcd, member).glob("member/wal/*.wal")), "the first log")
    text = member_origin_script().text.replace(ETCD_DATA, str(data_of(etcd, member)))
    text = text.replace(f"127.0.0.1:{ETCD_STATUS_PORT}", f"127.0.0.1:{port}")
    done = subprocess.run(["sh", "-s"], input=text, capture_output=True, text=True, check=True, timeout=30)
    return parse_member_origin(done.stdout).applied


def data_of(etcd: Etcd, member: Member) -> Path:
    return etcd.directory / member.name / "data"


def test_a_member_without_data_that_only_knows_itself_ends_and_founds_nothing(spare_etcd: Etcd) -> None:
    member = spare_etcd.members[0]
    spare_etcd.start(member, first=(member,), state="existing")
    assert spare_etcd.running.pop(member.name).wait(timeout=30) != 0
    assert not list(data_of(spare_etcd, member).glob("member/wal/*.wal"))

    spare_etcd.start(member, first=(member,))
    spare_etcd.wait_for_leader(member)


def test_a_member_starts_on_its_data_whatever_its_file_names_and_one_without_is_not_taken_for_new(
    spare_etcd: Etcd,
) -> None:
    first = spare_etcd.members[:3]
    for member in first:
        spare_etcd.start(member, first=first)
    for member in first:
        spare_etcd.wait_for_leader(member)
    spare_etcd.stop_all()
    for member in first:
        spare_etcd.start(member, first=(member,), state="existing")
    for member in first:
        spare_etcd.wait_for_leader(member)

    spare_etcd.stop(first[2])
    shutil.rmtree(data_of(spare_etcd, first[2]))
    spare_etcd.start(first[2], first=first)

    assert spare_etcd.running.pop(first[2].name).wait(timeout=30) != 0
    assert "has already been bootstrapped" in spare_etcd.log(first[2])


def test_one_that_waits_has_applied_no_more_than_the_first_list_and_one_that_never_came_up_is_known(
    spare_etcd: Etcd,
) -> None:
    first = spare_etcd.members[:3]
    port = spare_etcd.members[3].client_port  # of one that does not run
    spare_etcd.start(first[0], first=first, flags=(f"--listen-metrics-urls=http://127.0.0.1:{port}",))
    assert applied(spare_etcd, first[0], port) == len(first)

    spare_etcd.start(first[1], first=first)
    for member in first[:2]:
        spare_etcd.wait_for_leader(member)
    with spare_etcd.client(first[0]) as client:
        came_up = {one.name: bool(one.client_urls) for one in client.members(linearizable=False)}
    assert came_up == {first[0].name: True, first[1].name: True, first[2].name: False}
    spare_etcd.stop_all()

    spare_etcd.start(
        first[0], first=(first[0],), state="existing", flags=(f"--listen-metrics-urls=http://127.0.0.1:{port}",)
    )
    assert (applied(spare_etcd, first[0], port) or 0) > len(first)
