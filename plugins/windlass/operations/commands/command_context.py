"""What a command is given: for whom it runs, with what, and where its lines go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from windlass.effects.store import Store
from windlass.operations.run import ClusterRun, Tell
from windlass.operations.services import Services


@dataclass(frozen=True)
class CommandContext:
    """One command at work."""

    cluster: str
    """Which cluster it is about; empty for the whole installation."""
    person: str
    """Who gave it, as certificates and logs name them."""
    services: Services
    open_run: Callable[[], ClusterRun]
    """Returns the view of the cluster that an operation would have."""
    open_unchecked_store: Callable[[], Store]
    """Returns the store as it is, whoever wrote what is in it."""
    show: Tell
    """Takes what the command prints: it may be a secret, and goes to whoever gave the command alone."""
    tell: Tell
    """Takes what people are told beside it."""
    is_remote: bool = False
    """Whether it came over Airflow, from somebody who has neither the store's login nor the master key."""
