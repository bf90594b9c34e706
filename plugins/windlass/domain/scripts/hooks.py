"""A hook of the spec as a script."""

from __future__ import annotations

import shlex

from windlass.domain.scripts.script import Script
from windlass.domain.spec.models import Host


def hook_script(hook: str, host: Host) -> Script:
    """Return the script that runs a hook and tells it which host it is on."""
    known = f"export WINDLASS_HOST={shlex.quote(host.name)} WINDLASS_ROLES={shlex.quote(','.join(host.roles))}"
    return Script("run-hook", {"hook": hook, "host": host.name, "roles": tuple(host.roles)}, f"{known}\n{hook}\n")
