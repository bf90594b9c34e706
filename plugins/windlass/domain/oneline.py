"""Texts that must stay on the line they are written to: files of hosts, orders to probes, names."""

from __future__ import annotations

import unicodedata

_STEERING = frozenset({"Cc", "Zl", "Zp", "Cs"})
"""Unicode's categories of what ends a line or steers its reader: controls (line feed, NUL, tab, next line), separators
of lines and paragraphs, and surrogates, which no file can hold. YAML and Python end lines at more than line feeds."""


def line_breaker(text: str, allowed: str = "") -> str | None:
    """Return the first character of `text` that is not for one line, as people name it; None if there is none.

    `allowed` are characters that may stand in the text all the same.
    """
    if text.isprintable():
        return None
    found = next((one for one in text if unicodedata.category(one) in _STEERING and one not in allowed), None)
    if found is None:
        return None
    return "a line break" if found in "\r\n" else f"the control character U+{ord(found):04X}"


def printable(text: str, allowed: str = "") -> str:
    """Return `text` for a terminal, with U+FFFD for what would steer it: a host's words may come with such.

    Tabs become spaces. `allowed` are characters that may stand in the text all the same.
    """
    return "".join(one if one.isprintable() or one in allowed else "\ufffd" for one in text.replace("\t", "    "))
