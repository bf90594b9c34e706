"""What people are notified of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Notice:
    """One message to people about a cluster."""

    cluster: str
    text: str
    level: str = "info"
    host: str = ""
    component: str = ""
    is_alert: bool = False
    """Whether it needs a person, or says that this is over."""

    @property
    def title(self) -> str:
        """Return what fits into a subject."""
        return f"[windlass] {self.cluster}: {self.text.partition(';')[0][:120]}"
