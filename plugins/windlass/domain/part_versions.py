"""The order of versions: of releases by their projects, and of revisions that Debian makes of them."""

from __future__ import annotations

import re
from functools import total_ordering
from itertools import zip_longest

_PART = re.compile(r"([^0-9]*)([0-9]*)")


@total_ordering
class DebianVersion:
    """A version as dpkg orders it: epoch, then the project's version, then Debian's revision (deb-version(7))."""

    def __init__(self, text: str) -> None:
        epoch, colon, rest = text.partition(":")
        epoch, rest = (epoch, rest) if colon else ("", text)
        upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "")
        self._text = text
        self._key = (_number(epoch), _weights(upstream), _weights(revision))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DebianVersion) and self._compare(other) == 0

    def __lt__(self, other: DebianVersion) -> bool:
        return self._compare(other) < 0

    def __hash__(self) -> int:
        return hash((self._key[0], *(tuple(_trimmed(part)) for part in self._key[1:])))

    def __str__(self) -> str:
        return self._text

    def _compare(self, other: DebianVersion) -> int:
        if self._key[0] != other._key[0]:
            return -1 if self._key[0] < other._key[0] else 1
        pairs = zip(self._key[1:], other._key[1:], strict=True)
        return next((found for mine, its in pairs if (found := _compare_weights(mine, its))), 0)


def project_version(text: str) -> DebianVersion:
    """Read a version as projects write it, such as `v1.2.0-rc.1`, which comes before `v1.2.0`."""
    return DebianVersion(text.removeprefix("v").replace("-", "~", 1))


_Number = tuple[int, str]
"""How a number sorts: by its length, then by its digits, so that none is too long to be read."""
_Weights = list[tuple[list[int], _Number]]


def _weights(text: str) -> _Weights:
    """Return what is compared of a version: in turn text, letter by letter, and numbers."""
    return [([_weight(one) for one in letters], _number(digits)) for letters, digits in _PART.findall(text)]


def _number(digits: str) -> _Number:
    """Return how the digits of a number sort."""
    counting = digits.lstrip("0")
    return len(counting), counting


def _weight(letter: str) -> int:
    """Return how a letter sorts: `~` before the end of the text, letters before all else."""
    if letter == "~":
        return -1
    return ord(letter) if letter.isalpha() else ord(letter) + 0x110000


def _compare_weights(mine: _Weights, its: _Weights) -> int:
    nothing: tuple[list[int], _Number] = ([], _number(""))
    for (letters, number), (others, other) in zip_longest(mine, its, fillvalue=nothing):
        for one, two in zip_longest(letters, others, fillvalue=0):
            if one != two:
                return -1 if one < two else 1
        if number != other:
            return -1 if number < other else 1
    return 0


def _trimmed(weights: _Weights) -> list[tuple[tuple[int, ...], _Number]]:
    """Leave out what equals nothing at the end, so that equal versions have equal hashes."""
    found = [(tuple(letters), number) for letters, number in weights]
    while found and found[-1] == ((), _number("")):
        found.pop()
    return found
