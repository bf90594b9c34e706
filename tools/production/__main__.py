"""`python -m tools.production images|up|down`: docker-compose.yaml, with all that it needs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.production.compose import ROOT, compose
from tools.production.images import SETTINGS, can_be_pulled, make_debian_images

from windlass.cli.production.init import set_settings, write_setup
from windlass.cli.production.wishes import Wishes, parse_settings
from windlass.errors import WindlassError, exit_code

START_SECONDS = 900


def images(env: Path) -> None:
    """Make what can be made here: `.env` says of which base, and is written where it says nothing."""
    for name in write_setup(env.parent, Wishes("localhost", 8443)):
        _say(f"wrote {name}")
    given = parse_settings(env.read_text())
    if not given.get("AIRFLOW_IMAGE") and not can_be_pulled():
        _say("the official images cannot be pulled: they are made of Debian's packages")
        make_debian_images(_say)
        set_settings(env, SETTINGS)
    elif given.get("AIRFLOW_IMAGE") == SETTINGS["AIRFLOW_IMAGE"]:
        make_debian_images(_say)
    compose("build", "airflow-init", env=env)


def up(env: Path) -> None:
    """Make images, settings and secrets where they are missing, start all of it, and wait until it is healthy."""
    images(env)
    compose("up", "--detach", "--no-build", "--remove-orphans", "--wait", "--wait-timeout", str(START_SECONDS), env=env)
    given = parse_settings(env.read_text())
    _say(f"healthy: {given['AIRFLOW_BASE_URL']}, as admin, password in {given['WINDLASS_SECRETS']}/admin_password")


def down(env: Path, *, purge: bool = False) -> None:
    """Stop all of it; database, queue, store and logs stay, unless they are purged."""
    compose("--profile", "*", "down", "--remove-orphans", *(("--volumes",) if purge else ()), env=env)


def main() -> int:
    """Do what the one word says; return an exit code."""
    actions = {"images": images, "up": up, "down": down}
    parser = argparse.ArgumentParser(prog="python -m tools.production", description=__doc__)
    parser.add_argument("action", choices=actions)
    action = actions[parser.parse_args().action]
    try:
        action(ROOT / ".env")
    except WindlassError as error:
        print("production:", error, file=sys.stderr)
        return exit_code(error)
    return 0


def _say(line: str) -> None:
    print(f"production: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
