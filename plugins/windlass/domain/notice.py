"""What people are notified of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Notice:
    """One message to people about a cluster."""

    cluster: str
    """Empty where it is about all of them."""
    text: str
    level: str = "info"
    host: str = ""
    component: str = ""
    is_alert: bool = False
    """Whether it needs a person, or says that this is over."""
    link: str = ""
    """The address of the page where it can be seen to; empty where there is none of its own."""

    @property
    def title(self) -> str:
        """Return what fits into a subject."""
        return f"[windlass] {self.cluster or 'all clusters'}: {self.text.partition(';')[0][:120]}"
