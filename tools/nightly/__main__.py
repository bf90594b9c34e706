"""Run every test there is, in order, whatever comes of each, and write how long it took: `python -m tools.nightly`.

`make nightly` does; with names it runs those alone. Output goes to build/nightly/NAME.log, and what came of each with
its time to build/nightly/results.json after every one of them, so that an aborted night has told what it has done.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "nightly"


@dataclass(frozen=True)
class Step:
    """One command of the night, in the repository's root."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What came of a step."""

    name: str
    code: int
    began: str
    seconds: float
    """Of the clock on the wall."""


STEPS = (
    Step("check", ("make", "check")),
    Step("audit", ("make", "audit")),
    Step("tests", ("make", "test")),
    Step("kills", ("make", "kills")),
    Step("kills-everywhere", ("pytest", "tests/airflow/whole_runs"), {"WINDLASS_KILL_EVERYWHERE": "1"}),
    Step("full", ("pytest", "-m", "full", "tests/integration", "tests/e2e")),
    Step("soak", ("make", "soak")),
    Step("bench", ("make", "bench")),
    Step("docs", ("make", "docs")),
)
"""What needs no lab first: it fails soonest. `tests` fills the mirror that those after it need."""


def run(steps: Iterable[Step], folder: Path, root: Path = ROOT) -> list[Result]:
    """Run all steps, write what came of them into `folder`, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    results: list[Result] = []
    for step in steps:
        began, clock = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
        with (folder / f"{step.name}.log").open("wb") as log:
            code = _code(step, log.fileno(), root)
        results.append(Result(step.name, code, began, round(time.monotonic() - clock, 1)))
        (folder / "results.json").write_text(json.dumps([asdict(one) for one in results], indent=1) + "\n")
        print(line(results[-1]), flush=True)
    return results


def _code(step: Step, log: int, root: Path) -> int:
    try:
        environment = {**os.environ, **step.environment}
        return subprocess.run(step.command, cwd=root, env=environment, stdout=log, stderr=log, check=False).returncode
    except OSError as error:
        os.write(log, f"{error}\n".encode())
        return 127


def line(result: Result) -> str:
    """Return a result for people."""
    minutes, seconds = divmod(round(result.seconds), 60)
    outcome = "passed" if result.code == 0 else f"failed, exit code {result.code}: build/nightly/{result.name}.log"
    return f"{result.name:18} {minutes:4} min {seconds:2} s  {outcome}"


def main(names: Sequence[str]) -> int:
    """Return 1 if any step failed, 2 if one that was named does not exist, else 0."""
    known = {step.name: step for step in STEPS}
    if unknown := [name for name in names if name not in known]:
        print(f"no step is called {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    results = run([known[name] for name in names] or STEPS, FOLDER)
    return 1 if any(one.code for one in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
