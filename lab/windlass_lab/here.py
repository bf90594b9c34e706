"""Commands on the machine under the lab, and the programs that the lab needs there."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import timedelta

from windlass.errors import CommandError, CommandFailure, UnreachableError
from windlass_lab.docker import THIS_MACHINE
from windlass_lab.places import Say

TIME_LIMIT = timedelta(minutes=20)


def run_here(
    *argv: str, stdin: bytes | None = None, timeout: timedelta = TIME_LIMIT, host: str = THIS_MACHINE, advice: str = ""
) -> str:
    """Run a command and return its output; CommandError if it fails, UnreachableError if it does not end.

    `host` is whom an error names.
    """
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            argv, env=environment, input=stdin, capture_output=True, check=False, timeout=timeout.total_seconds()
        )
    except subprocess.TimeoutExpired as error:
        raise UnreachableError(f"{host}: `{argv[0]}` did not end within {timeout}") from error
    output = done.stdout.decode(errors="replace")
    if done.returncode:
        text = done.stderr.decode(errors="replace").strip() or output.strip()
        raise CommandError(CommandFailure(host, argv, done.returncode, text), advice)
    return output


def ensure_program(program: str, package: str, say: Say) -> None:
    """Return once this machine has `program`, installed by apt-get where it is missing; else UnreachableError."""
    if shutil.which(program):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise UnreachableError(f"{THIS_MACHINE}: `{program}` is missing; install it (Debian: {package})")
    say(f"installing {package} by apt-get")
    run_here("apt-get", "update", "-q")
    run_here("apt-get", "install", "-y", "-q", "--no-install-recommends", package)
