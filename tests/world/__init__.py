"""A whole world in memory for whole DAG runs: hosts that do what scripts say, a Kubernetes API, a store, and deaths.

    world = World(spec)
    run = world.run("create_cluster", spec=spec)

`World.boundaries` counts every step that anybody takes, and can end the process at any of them; see `deaths`. What a
host understands is listed in `scripts` and `commands`; a new operation adds its own there.
"""

from __future__ import annotations

from world.deaths import Boundary, Killed
from world.everything import World

__all__ = ["Boundary", "Killed", "World"]
