"""The plan of a recovery as it goes from step to step: names and numbers, nothing secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from windlass.domain.approval import digest_of
from windlass.domain.recovery.plan import RecoveryPlan
from windlass.domain.spec.care import Recovery
from windlass.errors import RefusedError
from windlass.operation_names import Operation


@dataclass(frozen=True)
class RecoveryHandover:
    """What was planned."""

    bundle: str
    version: str
    hosts: tuple[str, ...]
    absent: tuple[str, ...]
    bump: int
    prepares_all: bool
    approved: str
    """Why nobody is asked; empty if a person is to be."""
    text: str
    question: str = ""
    """The same as Markdown, for who is asked; a plan that was made before there was one has none."""

    @property
    def digest(self) -> str:
        """The digest of all of it: what an approval is for."""
        return digest_of(self.value())

    def value(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {key: list(one) if isinstance(one, tuple) else one for key, one in asdict(self).items()}

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> RecoveryHandover:
        """Read what `value` wrote."""
        return cls(**{**value, "hosts": tuple(value["hosts"]), "absent": tuple(value["absent"])})

    def check_same(self, now: RecoveryPlan) -> None:
        """RefusedError if other hosts answer than when the plan was made and approved."""
        if now.hosts != self.hosts:
            raise RefusedError(
                f"other hosts answer than when this was planned (then {', '.join(self.hosts)}; now "
                f"{', '.join(now.hosts)}); nothing was changed: trigger {Operation.RECOVER} again"
            )


def approved_in_advance(settings: Recovery) -> str:
    """Return why the spec lets a recovery go without asking a person; empty if somebody is to be asked."""
    return "the spec says `recovery.approval: automatic`" if settings.approval == "automatic" else ""
