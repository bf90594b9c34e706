from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from world import World


@pytest.fixture(scope="module")
def new() -> Iterator[Callable[[str], World]]:
    """Return a function that makes a world for a spec and puts it in the real one's place, until the next is made."""
    with pytest.MonkeyPatch.context() as patch:

        def make(spec: str) -> World:
            patch.undo()
            world = World(spec)
            world.install(patch)
            return world

        yield make
