"""The script that gives the stacks as they lie on a host."""

from __future__ import annotations

from windlass.domain.host.layout import STACKS
from windlass.domain.scripts.script import Script


def pack_stacks_script() -> Script:
    """Return the script that prints a tar archive of the stacks as text, since that is what a command's output is."""
    return Script("pack-stacks", {}, f"tar -C {STACKS} -czf - . | base64 -w 0", is_look=True)
