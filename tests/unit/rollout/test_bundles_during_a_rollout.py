"""A bundle that is taken during a rollout is labelled with the newest release that may have written its data."""

from __future__ import annotations

from collections.abc import Callable

from unit.rollout.conftest import NEW, OLD, World
from windlass.domain.backup.versions import written_by


def test_one_api_server_that_was_changed_already_decides(make_world: Callable[..., World]) -> None:
    old, new = ({name: one.fake.files for name, one in make_world(at).machines.items()} for at in (OLD, NEW))
    stacks = {name: {path: file.content for path, file in files.items()} for name, files in old.items()}
    assert written_by(OLD, stacks) == OLD
    stacks["cp-2"] = {path: file.content for path, file in new["cp-2"].items()}
    assert written_by(OLD, stacks) == NEW
