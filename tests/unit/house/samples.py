"""Sources to try the rules on."""

from __future__ import annotations

import textwrap
from pathlib import PurePosixPath

from tools.house.source import Source


def source(code: str, path: str = "plugins/windlass/domain/sample.py") -> Source:
    return Source(PurePosixPath(path), textwrap.dedent(code).lstrip("\n"))
