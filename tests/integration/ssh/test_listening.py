"""The watcher's transport against a real sshd: the loop that hosts run, host keys checked, ends that are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from windlass.effects.probe import LOOP_ARGV, loop_program
from windlass.effects.ssh.listening import Listener, SshDialler
from windlass.errors import IntegrityError, RefusedError, UnreachableError

from .conftest import Sshd

LIMIT = 60.0


class Heard:
    """What a listener heard, to be waited for."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[str] = asyncio.Queue()
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.listener = Listener(self.lines.put_nowait, self.ended.set_result)

    async def until(self, is_it: Callable[[str], bool]) -> str:
        async with asyncio.timeout(LIMIT):
            while not is_it(line := await self.lines.get()):
                pass
        return line


async def test_the_probe_loop_runs_over_one_channel(sshd: Sshd) -> None:
    heard, dialler = Heard(), SshDialler()
    line = await dialler.dial(sshd.trusted(), LOOP_ARGV, heard.listener)
    line.write(loop_program() + "start\n")
    assert "beat" in await heard.until(lambda text: "beat" in text)
    port = sshd.target.port
    line.write(f"probe\tcp-1/sshd\t127.0.0.1\t{port}\ttcp\t\t\t\t0.1\t1\t2\t\t0\t127.0.0.1\nwatch\tcp-1/sshd\n")
    assert "passed" in await heard.until(lambda text: "look" in text)
    line.close()
    await dialler.close()


async def test_the_end_of_a_command_is_told_with_its_last_words(sshd: Sshd) -> None:
    heard = Heard()
    line = await SshDialler().dial(
        sshd.trusted(), ["sh", "-c", "echo hello; echo no python3 >&2; exit 3"], heard.listener
    )
    assert await heard.until(bool) == "hello"
    assert await asyncio.wait_for(heard.ended, LIMIT) == "no python3"
    line.write("too late\n")
    line.close()


async def test_a_line_that_was_closed_tells_nothing_more(sshd: Sshd) -> None:
    heard = Heard()
    line = await SshDialler().dial(sshd.trusted(), ["cat"], heard.listener)
    line.write("hello\n")
    assert await heard.until(bool) == "hello"
    line.close()
    await asyncio.sleep(0.1)
    assert not heard.ended.done()


async def test_another_host_key_is_refused(sshd: Sshd) -> None:
    wrong = replace(
        sshd.target, known_hosts=(sshd.known_host().replace(sshd.public_key("host_ed25519"), sshd.public_key("login")),)
    )
    with pytest.raises(IntegrityError, match="the host key has changed"):
        await SshDialler().dial(wrong, ["true"], Heard().listener)


async def test_no_host_is_trusted_on_first_use(sshd: Sshd) -> None:
    with pytest.raises(RefusedError, match="is not known"):
        await SshDialler().dial(replace(sshd.target, trust_on_first_use=True), ["true"], Heard().listener)


async def test_the_key_that_is_known_is_asked_for(sshd: Sshd) -> None:
    target = replace(sshd.target, known_hosts=(sshd.known_host("host_ecdsa"),))
    line = await SshDialler().dial(target, ["cat"], Heard().listener)
    line.close()


async def test_a_login_that_is_refused_is_told(
    sshd: Sshd, new_key: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = new_key(tmp_path_factory.mktemp("other") / "key")
    with pytest.raises(RefusedError, match="refused the login key"):
        await SshDialler().dial(replace(sshd.trusted(), private_key=other), ["true"], Heard().listener)
    with pytest.raises(RefusedError, match="no unencrypted key"):
        await SshDialler().dial(replace(sshd.trusted(), private_key="x"), ["true"], Heard().listener)


async def test_a_host_that_is_not_there_is_told(sshd: Sshd) -> None:
    with pytest.raises(UnreachableError, match=r"cp-1: no connection to 127\.0\.0\.1:1: "):
        await SshDialler().dial(replace(sshd.trusted(), port=1), ["true"], Heard().listener)


async def test_hosts_behind_a_bastion_share_the_way_through_it(sshd: Sshd) -> None:
    dialler, target = SshDialler(), replace(sshd.trusted(), bastion=sshd.trusted())
    heard = [Heard(), Heard()]
    lines = [await dialler.dial(target, ["cat"], one.listener) for one in heard]
    assert len(dialler._bastions) == 1
    for line in lines:
        line.close()
    await dialler.close()
