"""A spec that a command hands on to a run: read, and looked through for secrets before it leaves this machine."""

from __future__ import annotations

import sys
from pathlib import Path

from windlass.errors import SpecError


def read_spec(path: Path) -> str:
    """Return the text of a spec; SpecError if it cannot be read, is none, or holds secrets in clear.

    A run keeps its params for all who may see it, so that it would be too late for its first task to refuse them.
    """
    from windlass.domain.spec import load_cluster
    from windlass.domain.spec.plain_secrets import refuse_plain_secrets

    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: cannot be read ({error}); give the path of a cluster spec") from error
    refuse_plain_secrets(load_cluster(text, str(path)), str(path))
    return text
