"""A hook of the spec as a script."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from windlass.domain.host.layout import RUN
from windlass.domain.scripts.script import Script
from windlass.domain.spec.models import Host

ENVIRONMENT_FILE = f"{RUN}/hooks.env"
"""Where a hook's environment lies until its script has read it: in memory, and for root alone."""


def environment_text(environment: Mapping[str, str]) -> bytes:
    """Return the file that gives a hook its environment."""
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in environment.items()).encode()


def hook_script(hook: str, host: Host, *, has_environment: bool = False) -> Script:
    """Return the script that runs a hook and tells it which host it is on; its environment is a file, read once."""
    known = f"export WINDLASS_HOST={shlex.quote(host.name)} WINDLASS_ROLES={shlex.quote(','.join(host.roles))}"
    if has_environment:
        known += f"\nset -a\n. {ENVIRONMENT_FILE}\nset +a\nrm -f {ENVIRONMENT_FILE}"
    return Script("run-hook", {"hook": hook, "host": host.name, "roles": tuple(host.roles)}, f"{known}\n{hook}\n")
