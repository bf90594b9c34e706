"""What the services of a stack ask for: health checks, and the hosts that they run on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_ANSWER = re.compile(r"\$\{([a-z][a-zA-Z0-9]*)\}")


def answer_named(value: Any) -> str | None:
    """Return the variable of the answer that stands for a value, as `${port}` does; None if it is a value itself."""
    match = _ANSWER.fullmatch(value) if isinstance(value, str) else None
    return match[1] if match else None


@dataclass(frozen=True)
class StackServices:
    """What a stack's services ask for together, since they run together on each of its hosts."""

    health: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    """Health check by service, as it stands in its Compose file but for answers; None: it has none."""
    scale: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels that a host needs, all of them."""
    not_labels: tuple[tuple[str, str], ...] = ()
    """Labels of which a host may have none."""

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Tell whether a host with `labels` may run them."""
        return self.labels.items() <= labels.items() and not set(self.not_labels) & set(labels.items())
