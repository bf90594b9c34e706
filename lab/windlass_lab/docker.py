"""The one door to Docker: every `docker` command of the lab is run here."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from datetime import timedelta
from ipaddress import IPv4Network
from typing import Any

from windlass.errors import CommandError, CommandFailure, UnreachableError
from windlass_lab.freezer import thaw
from windlass_lab.plan import LABEL

THIS_MACHINE = "this machine"
DEFAULT_TIMEOUT = timedelta(minutes=2)
SHOWN_WORDS = 9


def docker(
    *argv: str,
    stdin: bytes | None = None,
    timeout: timedelta = DEFAULT_TIMEOUT,
    advice: str = "",
    host: str = THIS_MACHINE,
) -> str:
    """Run `docker ARGV` and return its output; CommandError if it fails, UnreachableError if it does not end."""
    try:
        done = subprocess.run(
            ["docker", *argv], input=stdin, capture_output=True, timeout=timeout.total_seconds(), check=False
        )
    except FileNotFoundError as error:
        raise UnreachableError(f"{host}: the `docker` command is missing; install Docker") from error
    except subprocess.TimeoutExpired as error:
        text = f"{host}: `docker {' '.join(argv[:3])} …` did not end within {timeout.total_seconds():.0f} s"
        raise UnreachableError(text) from error
    if done.returncode:
        failure = CommandFailure(
            host, ("docker", *_shortened(argv)), done.returncode, done.stderr.decode(errors="replace")
        )
        raise CommandError(failure, advice)
    return done.stdout.decode(errors="replace")


def _shortened(argv: Sequence[str]) -> Sequence[str]:
    """Return a command as a message shows it: one that makes a container has sixty words."""
    return argv if len(argv) <= SHOWN_WORDS else (*argv[:SHOWN_WORDS], "…")


def labelled(kind: str, lab: str, *options: str) -> list[str]:
    """Return the names of a lab's containers, volumes or networks (`kind`: container, volume, network)."""
    field = "{{.Names}}" if kind == "container" else "{{.Name}}"
    return docker(kind, "ls", *options, "--filter", f"label={LABEL}={lab}", "--format", field).split()


def inspect(kind: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return what Docker knows of each of `names`; those that are gone are left out."""
    if not names:
        return []
    try:
        found: list[dict[str, Any]] = json.loads(docker(kind, "inspect", *names))
    except CommandError:
        # One name that has gone since makes the whole command fail.
        if len(names) == 1:
            return []
        return [one for name in names for one in inspect(kind, [name])]
    return found


def subnets() -> list[IPv4Network]:
    """Return the IPv4 networks that Docker's own networks take."""
    configs = [one["IPAM"]["Config"] or [] for one in inspect("network", docker("network", "ls", "-q").split())]
    texts = [config.get("Subnet", "") for several in configs for config in several]
    return [IPv4Network(text) for text in texts if text and ":" not in text]


def remove(kind: str, names: Iterable[str]) -> None:
    """Remove containers (with force, frozen ones too), volumes or networks; those already gone do no harm."""
    present = list(names)
    if not present:
        return
    if kind == "container":
        thaw(one["State"]["Pid"] for one in inspect(kind, present) if one["State"]["Pid"])
    options = ("--force", "--volumes") if kind == "container" else ("--force",) if kind == "volume" else ()
    try:
        docker(kind, "rm", *options, *present)
    except CommandError:
        left = {one["Name"].removeprefix("/") for one in inspect(kind, present)}
        if left & set(present):
            raise
