from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from windlass.domain.health import Effects, Finding, Kind
from windlass.errors import UnreachableError
from windlass.operations.health.announcer import AGAIN_SECONDS, REMIND_SECONDS, Announcer

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass
class Records:
    """Stands for the store: nobody else works on a cluster, and all that is written is kept."""

    texts: list[str] = field(default_factory=list)
    is_down: bool = False

    def held_by(self, cluster: str, now: datetime) -> str | None:
        return None

    def save(self, cluster: str, status: Any, events: Sequence[Any]) -> None:
        if self.is_down:
            raise UnreachableError("the store does not answer")
        self.texts += [event.text for event in events]


class Busy(Records):
    """The same, while another operation changes the cluster."""

    def held_by(self, cluster: str, now: datetime) -> str | None:
        return "upgrade_cluster"


def finding(kind: Kind) -> Finding:
    return Finding("demo", "cp-2", "host", kind, NOW, ("airflow",), "no answer")


async def announced(announcer: Announcer, effects: Effects) -> tuple[Finding, ...]:
    announcer.tell("demo", effects, {}, NOW)
    return await asyncio.wait_for(announcer.take(), 5)


async def test_that_a_host_is_back_is_announced_as_its_loss_was() -> None:
    announcer, lost = Announcer(Records()), finding(Kind.HOST_DOWN)  # type: ignore[arg-type]
    announcer.open("demo", (), 0.0)
    assert [one.is_over for one in await announced(announcer, Effects(opened=[lost]))] == [False]
    (over,) = await announced(announcer, Effects(closed=[lost]))
    assert (over.id, over.is_over) == (lost.id, True)
    assert Finding.from_dict(over.to_dict()) == over


async def test_that_a_process_is_back_starts_nothing() -> None:
    announcer, down = Announcer(Records()), finding(Kind.PROCESS_DOWN)  # type: ignore[arg-type]
    announcer.open("demo", (), 0.0)
    await announced(announcer, Effects(opened=[down]))
    announcer.tell("demo", Effects(closed=[down]), {}, NOW)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(announcer.take(), 0.2)


async def test_that_what_repair_could_not_end_is_over_is_announced_whatever_it_was() -> None:
    announcer, down = Announcer(Records()), finding(Kind.PROCESS_DOWN)  # type: ignore[arg-type]
    announcer.open("demo", (), 0.0)
    await announced(announcer, Effects(opened=[down]))
    announcer.remind("demo", [down], asyncio.get_running_loop().time() + REMIND_SECONDS)
    assert [one.is_over for one in await asyncio.wait_for(announcer.take(), 5)] == [False]
    assert [one.is_over for one in await announced(announcer, Effects(closed=[down]))] == [True]


async def test_what_waits_while_a_spec_changes_is_announced_by_the_watch_of_the_new_one() -> None:
    announcer, down = Announcer(Records()), finding(Kind.PROCESS_DOWN)  # type: ignore[arg-type]
    announcer.open("demo", (), 0.0)
    announcer.tell("demo", Effects(opened=[down]), {}, NOW)
    announcer.open("demo", [down], 1.0, announcer.drop("demo"))
    assert await asyncio.wait_for(announcer.take(), 5) == (down,)


async def test_that_what_was_never_announced_is_over_is_not_announced_either() -> None:
    announcer, lost = Announcer(Busy()), finding(Kind.HOST_DOWN)  # type: ignore[arg-type]
    announcer.open("demo", (), 0.0)
    announcer.tell("demo", Effects(opened=[lost]), {}, NOW)
    announcer.remind("demo", [lost], asyncio.get_running_loop().time())
    announcer.tell("demo", Effects(closed=[lost]), {}, NOW)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(announcer.take(), 0.2)


async def test_what_a_watcher_finds_open_it_announces_soon_as_the_one_before_may_not_have() -> None:
    announcer, down = Announcer(Records()), finding(Kind.PROCESS_DOWN)  # type: ignore[arg-type]
    announcer.open("demo", [down], 0.0)
    announcer.remind("demo", [down], AGAIN_SECONDS / 2)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(announcer.take(), 0.2)
    announcer.remind("demo", [down], AGAIN_SECONDS)
    assert await asyncio.wait_for(announcer.take(), 5) == (down,)


async def test_what_the_store_did_not_take_is_written_with_what_comes_next() -> None:
    records, down = Records(), finding(Kind.PROCESS_DOWN)
    announcer = Announcer(records)  # type: ignore[arg-type]
    announcer.open("demo", (), 0.0)
    records.is_down = True
    await announced(announcer, Effects(opened=[down]))
    records.is_down = False
    async with asyncio.timeout(5):
        while len(records.texts) < 2:
            announcer.tell("demo", Effects(closed=[down]) if not records.texts else Effects(), {}, NOW)
            await asyncio.sleep(0.01)
    assert records.texts[0].startswith("process down: host on cp-2")
    assert records.texts[1].startswith("over: process down")
