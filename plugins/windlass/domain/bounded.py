"""What others send, within bounds: lines to show, and documents that may be of any form.

Hosts, stores, mirrors and Kubernetes may be broken or in other hands. Whoever reads from them says how much at most,
and turns what does not have its form into one of `windlass.errors`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

import yaml

from windlass.domain.markdown import first_of, shortened
from windlass.domain.oneline import printable
from windlass.errors import MALFORMED, IntegrityError

LINES, WIDTH = 40, 200
"""How many lines are shown of one difference, and how many characters of each."""


def bounded_lines(lines: Iterable[str]) -> tuple[str, ...]:
    """Return lines as they are shown; what is left out is counted."""
    cut = [line if len(line) <= WIDTH else line[:1] + shortened(line[1:], WIDTH) for line in lines]
    return tuple(first_of([printable(line) for line in cut], LINES, "lines"))


def shown(error: BaseException) -> str:
    """Return an error that may quote what others sent, as a message may show it: one line, not too long.

    Its repr may hold all that could not be decoded.
    """
    return printable(shortened(f"{type(error).__name__}: {error}", WIDTH))


def moment(text: str) -> datetime:
    """Read a time with its zone, in ISO 8601; ValueError if it is none, as it could be compared with no other."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a time without its zone")
    return found


@contextmanager
def read_from(where: str, advice: str) -> Iterator[None]:
    """Raise IntegrityError, with where it came from and what to do, if what is read here is not of its form."""
    try:
        yield
    except (*MALFORMED, yaml.YAMLError) as error:
        raise IntegrityError(f"{where} is not readable ({shown(error)}); {advice}") from error
