"""results.json: what was measured last, by name."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from windlass.errors import SpecError

RESULTS = Path(__file__).parent / "results.json"


def read(path: Path) -> list[dict[str, Any]]:
    """Read earlier results; none if there is no file. SpecError if it is not what `write` writes."""
    if not path.exists():
        return []
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return [entry for entry in entries if entry["name"]]
    except (ValueError, TypeError, KeyError) as error:
        raise SpecError(f"{path}: is no list of results ({error}); remove it and measure again") from error


def merged(earlier: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put new entries in the place of those with their names, others after all; what was not measured stays."""
    by_name = {entry["name"]: entry for entry in earlier}
    return list((by_name | {entry["name"]: entry for entry in new}).values())


def write(path: Path, entries: Sequence[dict[str, Any]]) -> None:
    """Write all entries, all of them or nothing."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)


def machine() -> str:
    """Describe this machine in one line: cores, memory, processor, kernel."""
    gibibytes = psutil.virtual_memory().total / 2**30
    kernel = f"{platform.system()} {platform.release()}"
    return f"{os.cpu_count()} cores, {gibibytes:.0f} GiB, {_processor()}, {kernel}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
