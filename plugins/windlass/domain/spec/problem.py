"""One thing that is wrong with a spec: where, what, and what would be right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from windlass.domain.masking import mask_logins

Path = tuple[str | int, ...]
"""Keys and list indices from the document's top down to one value."""

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Problem:
    """What is wrong at one path, and what would be right there."""

    path: Path
    wrong: str
    right: str

    def __str__(self) -> str:
        text = mask_logins(f"{path_text(self.path)}: {self.wrong}; {self.right}")
        # Keys and values may hold line breaks and what steers a terminal; a problem is one plain line.
        return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


@dataclass(frozen=True)
class UnreadableSpec:
    """A stored spec of another cluster of which not even the hosts can be told: which addresses stand in its text."""

    cluster: str
    addresses: frozenset[str]


def correct_spec(name: str) -> str:
    """Return how a person corrects the stored spec of a cluster that no run can read."""
    return f"correct it: `windlass store spec {name} > FILE`, edit FILE, `windlass store spec {name} --write FILE`"


def path_text(path: Path) -> str:
    """Write a path as people do: `spec.hosts.members[0].labels["a.b/c"]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f'["{step}"]'
    return text or "the document"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that `word` was most likely meant to be, or None; case, `-` and `_` count for nothing."""
    by_plain = {plain(candidate): candidate for candidate in sorted(known)}
    found = difflib.get_close_matches(plain(word), by_plain, n=1, cutoff=0.6)
    return by_plain[found[0]] if found else None


def suggestion(word: str, known: Iterable[str]) -> str:
    """Say which known word was meant, or list them all."""
    words = sorted(known)
    meant = nearest(word, words)
    return f"did you mean `{meant}`?" if meant is not None else f"known are {', '.join(words) or 'none'}"


def plain(word: str) -> str:
    """Return a word as it counts for likeness: without case, `-` and `_`."""
    return word.lower().replace("_", "").replace("-", "")
