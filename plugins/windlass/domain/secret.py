"""A value that must not be shown, logged or carried away by accident."""

from __future__ import annotations

import hmac
from typing import NoReturn, Self


class Secret:
    """Text that only `reveal` gives away: `repr`, `str` and format show nothing, pickling is refused.

    It is no dataclass on purpose: Airflow would write a dataclass field by field into an XCom.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text itself; for the place that uses it and nowhere else."""
        return self._value

    def reveal_bytes(self) -> bytes:
        """Return the text as UTF-8."""
        return self._value.encode()

    def __repr__(self) -> str:
        return "Secret(hidden)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not serialised; seal it (windlass.domain.sealing) or pass a reference to it")
