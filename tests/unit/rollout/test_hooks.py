"""The spec's hooks run once on each host that they are new for, and again if they were broken off."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from unit.rollout.conftest import NEW, OLD, World
from unit.rollout.test_node import around, change, fails_at, kubelet_of, roll_of, spec_with
from windlass.domain.rollout.hooks import HOOKS_MARK, UNFINISHED, hooks_due, hooks_mark
from windlass.domain.scripts.hooks import ENVIRONMENT_FILE
from windlass.domain.secret import Secret
from windlass.domain.spec.models import Cluster
from windlass.effects.ssh.connection import CommandResult, RemoteFile
from windlass.effects.ssh.fake import Call
from windlass.operations.apply.prepare import prepare_host
from windlass.operations.rollout.context import RolloutContext
from windlass.operations.rollout.observe import drifted_parts, observe_hosts
from windlass.operations.rollout.stacks import DidNotComeUpError
from windlass.operations.secrets import SpecSecrets

__all__ = ["around"]
HOOKS = {"hooks": {"before": ["apt-get upgrade"], "after": ["uname -r"]}}
OTHERS = {"hooks": {"before": ["apt-get upgrade"]}}


def listen(world: World, answer: Callable[[str], CommandResult | str] = lambda _: "") -> list[str]:
    """Note the hooks that cp-1 is given, as they come, and answer them."""
    machine, ran = world.machines["cp-1"], list[str]()

    def heard(call: Call) -> CommandResult | str:
        assert call.script is not None
        hook = call.script.arguments["hook"]
        assert call.script.text.startswith("export WINDLASS_HOST=cp-1 WINDLASS_ROLES=etcd,control-plane\n")
        ran.append(hook)
        return answer(hook)

    machine.fake.on_script("run-hook", answer=heard)
    return ran


def due(world: World, desired: Cluster, version: str = OLD) -> dict[str, str]:
    found = observe_hosts(world.at(version, desired), None)
    return {name: told for name, one in found.items() if (told := one.get().state.stale.get("hooks", ""))}


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_hook_that_fails_is_told_and_not_run_again(world: World, when: str) -> None:
    ran = listen(world, lambda _: CommandResult(100, "", "E: no such thing"))
    desired = spec_with(world, upgrade={"hooks": {when: ["apt-get upgrade"]}})
    with pytest.raises(DidNotComeUpError, match=rf"hooks.{when}\[0\].*no such thing; the old version runs on it again"):
        change(roll_of(world, desired))
    assert ran == ["apt-get upgrade"]
    assert OLD in kubelet_of(world)
    assert "cp-1" in due(world, desired)


def test_hooks_that_the_spec_has_again_run_on_each_host_once(world: World) -> None:
    desired, ran = spec_with(world, upgrade=HOOKS), listen(world)
    assert due(world, desired) == dict.fromkeys(world.machines, "hooks run: 1 before, 1 after")

    change(roll_of(world, desired))

    assert ran == ["apt-get upgrade", "uname -r"]
    assert "cp-1" not in due(world, desired)
    assert "cp-1" in due(world, spec_with(world, upgrade=OTHERS))
    assert due(world, world.session.cluster) == {}


def test_hooks_run_around_every_other_change_too(world: World) -> None:
    desired, ran = spec_with(world, upgrade=HOOKS), listen(world)
    change(roll_of(world, desired))
    change(roll_of(world, desired, NEW))
    assert ran == ["apt-get upgrade", "uname -r"] * 2


def test_hooks_that_were_broken_off_are_due_again_although_they_had_run_before(world: World) -> None:
    desired = spec_with(world, upgrade=HOOKS)
    listen(world)
    change(roll_of(world, desired))
    world.machines["cp-1"].fake.on("curl", "-sS", "--insecure", answer=fails_at(10259))
    listen(world, lambda script: CommandResult(1, "", "no") if script == "uname -r" else "")
    with pytest.raises(DidNotComeUpError):
        change(roll_of(world, desired))

    assert world.machines["cp-1"].fake.files[HOOKS_MARK].content == UNFINISHED
    assert "cp-1" in due(world, desired)


@pytest.mark.parametrize("spec", [{}, HOOKS], ids=["without hooks", "with hooks"])
def test_on_a_host_that_is_new_to_the_cluster_nothing_is_due(world: World, spec: dict[str, Any]) -> None:
    desired = spec_with(world, upgrade=spec)
    machine, session = world.machines["cp-1"], world.at(OLD, desired)
    machine.fake.on("sh", "-s", answer=lambda call: machine.answer(call).replace("cluster=demo\n", ""))

    prepare_host(session, session.hosts[0], session.connections.get("cp-1"))

    assert "cp-1" not in due(world, desired)
    assert (HOOKS_MARK in machine.fake.files) == bool(spec)


def test_an_apply_or_a_repair_of_a_host_never_says_that_hooks_have_run(world: World) -> None:
    desired = spec_with(world, upgrade=HOOKS)
    session = world.at(OLD, desired)
    prepare_host(session, session.hosts[0], session.connections.get("cp-1"))
    assert "cp-1" in due(world, desired)


def test_hooks_that_are_due_by_both_specs_are_no_drift(world: World) -> None:
    desired = spec_with(world, upgrade=HOOKS)
    world.machines["w-1"].fake.files[HOOKS_MARK] = RemoteFile(UNFINISHED)
    session = world.at(OLD, desired)
    looks = {name: one.get() for name, one in observe_hosts(session, None).items()}
    assert looks["w-1"].state.stale == {"hooks": "hooks run: 1 before, 1 after"}
    assert drifted_parts(looks, looks)["w-1"] == ()


def test_which_hooks_a_file_tells_of(world: World) -> None:
    marks = {hooks_mark(spec_with(world, upgrade=one)) for one in ({}, HOOKS, OTHERS)}
    assert len(marks) == 3
    assert hooks_mark(world.session.cluster) is None
    assert hooks_due(world.session.cluster, "of something else") == ""


def with_secrets(world: World, desired: Cluster, value: str) -> RolloutContext:
    rollout = roll_of(world, desired)
    secrets = SpecSecrets(lambda *_: Secret(value))
    return replace(rollout, session=replace(rollout.session, secrets=secrets))


def test_the_environment_of_hooks_goes_by_a_file_for_root_alone(world: World) -> None:
    environment = {"TOKEN": {"fromVariable": "windlass_secret_a"}, "MODE": "quick one"}
    desired = spec_with(world, upgrade={"hooks": {"before": ["echo $TOKEN"], "environment": environment}})
    machine, texts = world.machines["cp-1"], list[str]()

    def heard(call: Call) -> str:
        assert call.script is not None
        texts.append(call.script.text)
        return ""

    machine.fake.on_script("run-hook", answer=heard)
    change(with_secrets(world, desired, "it's sesame"))

    laid = machine.fake.files[ENVIRONMENT_FILE]
    assert (laid.mode, shlex.split(laid.content.decode())) == (0o600, ["TOKEN=it's sesame", "MODE=quick one"])
    assert f"rm -f {ENVIRONMENT_FILE}" in texts[0]
    assert "sesame" not in texts[0]
    assert not any("sesame" in word for call in machine.fake.calls for word in call.argv)


def test_another_secret_makes_no_hook_due_and_another_reference_does(world: World) -> None:
    def mark(**environment: Any) -> bytes | None:
        return hooks_mark(spec_with(world, upgrade={"hooks": {"before": ["a"], "environment": environment}}))

    assert mark() == hooks_mark(spec_with(world, upgrade={"hooks": {"before": ["a"]}}))
    assert mark(A={"fromVariable": "x"}) != mark(A={"fromVariable": "y"})
    assert mark(A="1", B="2") == mark(B="2", A="1")


def test_a_hook_that_fails_tells_neither_its_text_nor_its_secret(world: World) -> None:
    hooks = {"before": ["echo private-command"], "environment": {"A": {"fromVariable": "windlass_secret_a"}}}
    desired = spec_with(world, upgrade={"hooks": hooks})
    listen(world, lambda _: CommandResult(7, "", "it said sesame-seed, password=hunter2"))
    with pytest.raises(DidNotComeUpError, match=r"hooks\.before\[0\] exited 7: it said \(hidden\)") as refusal:
        change(with_secrets(world, desired, "sesame-seed"))
    assert not any(word in str(refusal.value) for word in ("private-command", "sesame", "hunter2"))
