"""Fetches on this machine what an image installs that reaches no package index: into build/wheels."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping

from packaging.markers import Marker, default_environment
from tools.production.compose import ROOT

from windlass.errors import NotReadyError

WHEELS = ROOT / "build" / "wheels"
_STAMP = "for"
"""The file in it that says what it holds: the pinned requirements, and for which Python."""


def requirements_for(text: str, environment: Mapping[str, str]) -> str:
    """Return what a file of pinned requirements asks for in `environment`, without its conditions.

    pip judges conditions by the Python that it runs in, whichever it fetches for.
    """
    return "".join(_chosen(text, environment))


def _chosen(text: str, environment: Mapping[str, str]) -> Iterator[str]:
    for entry in _entries(text):
        first, _, hashes = entry.partition("\\\n")
        name, _, condition = first.partition(";")
        if not condition.strip() or Marker(condition.strip()).evaluate(dict(environment)):
            yield f"{name.strip()} \\\n{hashes}"


def _entries(text: str) -> Iterator[str]:
    entry = ""
    for line in text.splitlines(keepends=True):
        if line.lstrip().startswith("#") or not line.strip():
            continue
        entry += line
        if not line.rstrip().endswith("\\"):
            yield entry
            entry = ""


def environment_of(python: str) -> dict[str, str]:
    """Return what conditions go by for a full version of Python on this kind of machine."""
    short = ".".join(python.split(".")[:2])
    own = {name: str(value) for name, value in default_environment().items()}
    return {**own, "python_full_version": python, "python_version": short, "implementation_version": python}


def fill_wheels(python: str, say: Callable[[str], None]) -> None:
    """Have every package of requirements.txt and requirements-build.txt in build/wheels, for a full version of Python.

    NotReadyError if pip does not fetch them.
    """
    texts = [(ROOT / name).read_text() for name in ("requirements-build.txt", "requirements.txt")]
    wanted = "".join(requirements_for(text, environment_of(python)) for text in texts)
    stamp = WHEELS / _STAMP
    if stamp.exists() and stamp.read_text() == f"{python}\n{wanted}":
        return
    say("fetching the pinned packages (once)")
    WHEELS.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(wanted)
        file.flush()
        short = ".".join(python.split(".")[:2])
        argv = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation"]
        done = subprocess.run(
            [*argv, "--require-hashes", "--python-version", short, "--dest", str(WHEELS), "-r", file.name], check=False
        )
    if done.returncode:
        raise NotReadyError(f"pip could not fetch the pinned packages into {WHEELS}; what it said is above")
    stamp.write_text(f"{python}\n{wanted}")
