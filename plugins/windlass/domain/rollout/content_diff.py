"""How the content of a file or of a service changes, in lines for people: bounded, and with nothing secret in it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from windlass.domain.bounded import bounded_lines
from windlass.domain.masking import document_lines, is_secret_place, mask_flag, shown_lines

_LARGEST = 200_000
_CONTEXT = 2
_NOT_SHOWN = "what differs is not shown: values that may be secret, or comments and layout"
_LABELS = "labels"
_DIGEST = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]+")


def file_difference(path: str, old: bytes | None, new: bytes) -> tuple[str, ...]:
    """Return how a file's content changes, as a unified diff without its head; `old` is None where there is no file."""
    if is_secret_place(path):
        return ("its content is secret: it differs",)
    sizes = len(old or b""), len(new)
    if max(sizes) > _LARGEST:
        return (f"too large to be compared: {sizes[0]} -> {sizes[1]} bytes",)
    try:
        before = shown_lines(path, old.decode()) if old is not None else []
        after = shown_lines(path, new.decode())
    except UnicodeDecodeError:
        return ("it is no text: it differs",)
    if before is None or after is None:
        return ("its content is not shown: it differs",)
    return bounded_lines(_unified(before, after)) or (_NOT_SHOWN,)


def service_difference(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> tuple[str, ...]:
    """Return how a Compose service changes: its image, its flags one by one, and what else; `old` None: it is new."""
    if old is None:
        return ()
    lines = [*image_difference(old, new), *_flags(_words(old), _words(new))]
    before, after = (document_lines(_rest(one)) for one in (old, new))
    lines += _unified(before, after)
    if not lines and _without_labels(old) != _without_labels(new):
        lines = [_NOT_SHOWN]
    return bounded_lines(lines)


def image_difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Yield how the image of a Compose service changes, if it does."""
    if old.get("image") != new.get("image"):
        yield _DIGEST.sub(r"\1…", f"image: {old.get('image')} -> {new.get('image')}")


def _words(service: Mapping[str, Any]) -> list[str]:
    command = service.get("command") or []
    return [str(word) for word in command] if isinstance(command, list) else []


def _flags(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    """Yield what is added, removed and changed of the flags; a flag that is given twice has both values."""
    before, after = _by_name(old), _by_name(new)
    for name in sorted(before.keys() | after.keys()):
        had, has = before.get(name), after.get(name)
        if had == has:
            continue
        if had is None:
            yield f"+ {_flag(has or [])}"
        elif has is None:
            yield f"- {_flag(had)}"
        elif _flag(had) == _flag(has):
            yield f"~ {name}: another value, which is not shown"
        else:
            yield f"~ {_flag(had)} -> {_values(has)}"


def _by_name(words: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("-"):
            found.setdefault(word.partition("=")[0], []).append(word)
    return found


def _flag(words: Sequence[str]) -> str:
    name, values = words[0].partition("=")[0], _values(words)
    return f"{name}={values}" if values else name


def _values(words: Sequence[str]) -> str:
    return ", ".join(mask_flag(word)[1] for word in words)


def _without_labels(service: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in service.items() if name != _LABELS}


def _rest(service: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is told neither as the image nor as flags, nor as labels, which say what was rendered."""
    rest = {name: one for name, one in _without_labels(service).items() if name not in {"image", "command"}}
    others = [word for word in _words(service) if not word.startswith("-")]
    return {**rest, "command": others} if others else rest


def _unified(old: Sequence[str], new: Sequence[str]) -> list[str]:
    lines = difflib.unified_diff(old, new, lineterm="", n=_CONTEXT)
    return list(lines)[2:]  # without the names of the two
