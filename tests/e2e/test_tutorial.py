"""The tutorial as a newcomer follows it: its commands in their order, in a checkout, on a machine without a demo."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.docs.tutorial import blocks
from windlass_lab import demo_plan
from windlass_lab.places import lab_directory

pytestmark = [pytest.mark.full, pytest.mark.timeout(3600)]

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT / "demo.yaml"
"""What the tutorial writes into the checkout."""
_MARK = "tutorial> "
"""Before each command in what they all print: a plan has lines that begin like bash's own mark."""


@pytest.fixture
def newcomer() -> Iterator[dict[str, str]]:
    """Give the environment of somebody who has set nothing; whatever they have made is gone in the end."""
    demo = lab_directory(demo_plan.NAME)
    assert not demo.exists(), f"a demo stands here already ({demo}); take it away first: make demo-down"
    assert not SPEC.exists(), f"{SPEC} is there already; move it away"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "WINDLASS_A"))}
    yield environment
    subprocess.run(["make", "demo-down"], cwd=ROOT, env=environment, check=True)
    SPEC.unlink(missing_ok=True)


def test_every_command_of_the_tutorial_does_what_it_says(newcomer: dict[str, str]) -> None:
    script = f"PS4={shlex.quote(_MARK)}\nset -x\n{''.join(blocks())}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=ROOT, env=newcomer, text=True, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:]
    told = [part.partition("\n") for part in done.stdout.split(f"\n{_MARK}")]
    lists = [text for command, _, text in told if command == "windlass backup list demo"]
    assert re.search(r"\sproven\s", lists[-1]), lists
    assert not lab_directory(demo_plan.NAME).exists()
