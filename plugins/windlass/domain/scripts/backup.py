"""The script that gives the stacks as they lie on a host."""

from __future__ import annotations

from windlass.domain.host.layout import STACKS
from windlass.domain.scripts.script import Script


def pack_stacks_script() -> Script:
    """Return the script that prints a tar archive of the stacks as text, since that is what a command's output is.

    Files that only root may read hold secrets that a spec refers to: what is backed up are the references.
    """
    found = f"cd {STACKS} && find . -type f -perm -004 -print0"
    return Script("pack-stacks", {}, f"{found} | tar --null --no-recursion -T - -czf - | base64 -w 0")
