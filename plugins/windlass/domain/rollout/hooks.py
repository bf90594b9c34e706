"""Whether the spec's hooks have run on a host: a file there says which ones were the last to.

Their digest lies on the host once all of them have run. A host that is made for a cluster gets it at once, as nothing
was to be updated on it; so hooks are due where the spec has others than those that the file tells of. Hooks that are
taken out of the spec leave the file as it is, for nothing is to be run.
"""

from __future__ import annotations

import hashlib
import json

from windlass.domain.host.layout import ETC
from windlass.domain.spec.models import Cluster

HOOKS = "hooks"
HOOKS_MARK = f"{ETC}/hooks"
UNFINISHED = b"begun and not ended\n"
"""What the file says from the first hook on until all have run."""


def hooks_mark(cluster: Cluster) -> bytes | None:
    """Return what the file says once the spec's hooks have run; None if it has none."""
    hooks = cluster.spec.upgrade.hooks
    if not (hooks.before or hooks.after):
        return None
    # The references of the environment count, and not what they stand for: another token makes no hook due.
    environment = [dict(sorted(hooks.environment.items()))] if hooks.environment else []
    text = json.dumps([hooks.before, hooks.after, *environment])
    return f"{hashlib.sha256(text.encode()).hexdigest()}\n".encode()


def hooks_due(cluster: Cluster, sha256: str | None) -> str:
    """Return what is to be run, in words, on a host whose file has this digest (None: it has no such file), or ""."""
    mark = hooks_mark(cluster)
    if mark is None or hashlib.sha256(mark).hexdigest() == sha256:
        return ""
    hooks = cluster.spec.upgrade.hooks
    counts = {"before": len(hooks.before), "after": len(hooks.after)}
    return f"hooks run: {', '.join(f'{count} {when}' for when, count in counts.items() if count)}"
