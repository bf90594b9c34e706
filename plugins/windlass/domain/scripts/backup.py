"""The script that gives the stacks as they lie on a host."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from windlass.domain.host.layout import STACKS
from windlass.domain.scripts.script import Script


def pack_stacks_script(stacks: Sequence[str]) -> Script:
    """Return the script that prints a tar archive of those of `stacks` that lie on the host, as text.

    Text is what a command's output is.
    """
    found = f'for stack in {shlex.join(stacks)}; do [ ! -d "$stack" ] || printf \'%s\\0\' "./$stack"; done'
    text = f"cd {STACKS} && {found} | tar --null -T - -czf - | base64 -w 0"
    return Script("pack-stacks", {"stacks": tuple(stacks)}, text, is_look=True)
