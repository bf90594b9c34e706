"""How the objects of a cluster differ from what is desired of them: missing, differing field by field, or surplus."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from windlass.domain.bounded import bounded_lines
from windlass.domain.masking import is_secret_name, mask_document
from windlass.domain.objects.inventory import ObjectRef
from windlass.domain.spec.private import Fingerprint, no_fingerprint, shown_text

DriftKind = Literal["missing", "differs", "surplus"]
ABSENT = "absent"
_KEPT_BY_SERVER = frozenset({"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"})
_NAMING = frozenset({"apiVersion", "kind", "name", "namespace", "image"})
"""Fields that name something, and are shown of the user's own objects too."""
_SECRET_FIELDS = frozenset({"data", "stringData"})
_MASKED = "(secret)"
_LONGEST_VALUE = 80
_FEW = 3


@dataclass(frozen=True)
class FieldDifference:
    """One field of an object whose value differs; values are as people read them, those that may be secret masked."""

    path: str
    """Such as `spec.template.spec.containers.coredns.image`: items of a list go by their name where they have one."""
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.path}: {_shortened(self.old)} -> {_shortened(self.new)}"


@dataclass(frozen=True)
class ObjectDrift:
    """How one object differs from what is desired."""

    ref: ObjectRef
    kind: DriftKind
    fields: tuple[FieldDifference, ...] = ()
    """What differs in it, from what is to what should be; for an object that is there and should be."""
    note: str = ""
    """Said of it besides."""

    @property
    def name(self) -> str:
        """Kind, namespace and name, as messages name the object."""
        return str(self.ref)

    def __str__(self) -> str:
        words = {"missing": "is missing", "differs": "differs", "surplus": "is to be pruned"}[self.kind]
        more = f" and {len(self.fields) - _FEW} more" if len(self.fields) > _FEW else ""
        told = "; ".join([*map(str, self.fields[:_FEW]), *([self.note] if self.note else [])])
        return f"{self.name} {words}{f': {told}{more}' if told else ''}"

    @property
    def details(self) -> tuple[str, ...]:
        """Every field that differs, a line each, where the drift's own line does not tell all of it."""
        lines = [f"{one.path}: {one.old} -> {one.new}" for one in self.fields]
        return () if str(self).endswith("; ".join(lines)) else bounded_lines(lines)


def content_of(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what somebody desires of an object, without what the API server and the controllers keep in it."""
    metadata = {key: value for key, value in found["metadata"].items() if key not in _KEPT_BY_SERVER}
    return {key: value for key, value in found.items() if key != "status"} | {"metadata": metadata}


def object_drift(
    ref: ObjectRef,
    actual: Mapping[str, Any] | None,
    applied: Mapping[str, Any],
    fingerprint: Fingerprint = no_fingerprint,
) -> ObjectDrift | None:
    """Return how an object differs: `actual` is what there is, `applied` what applying it would give (a dry run).

    Of the user's own objects texts are told by `fingerprint`, see `windlass.domain.spec.private`.
    """
    if actual is None:
        return ObjectDrift(ref, "missing")
    masked = ref.kind == "Secret" and "/" not in ref.api_version
    fields = tuple(
        field_differences(
            content_of(actual), content_of(applied), is_secret=masked, private=fingerprint if ref.is_users else None
        )
    )
    return ObjectDrift(ref, "differs", fields) if fields else None


def field_differences(
    old: Mapping[str, Any], new: Mapping[str, Any], *, is_secret: bool = False, private: Fingerprint | None = None
) -> Iterator[FieldDifference]:
    """Yield every field that differs; of a Secret's data only which, since their values are nobody's business.

    Where all is `private`, texts are told by their fingerprints; names, images, numbers and switches are shown.
    """
    for path, *both in _differences(old, new, ()):
        # An annotation may repeat what kubectl has applied.
        hidden = is_secret and (path[0] in _SECRET_FIELDS or path[:2] == ("metadata", "annotations"))
        hidden = hidden or any(map(is_secret_name, path))
        shown = [_fingerprinted(path[-1], one, private) if private and not hidden else one for one in both]
        yield FieldDifference(".".join(path), *(_text(one, is_hidden=hidden) for one in shown))


_Found = tuple[tuple[str, ...], Any, Any]
_NOTHING = object()


def _differences(old: Any, new: Any, path: tuple[str, ...]) -> Iterator[_Found]:
    before, after = _keyed(old), _keyed(new)
    if before is None or after is None:
        if type(old) is not type(new) or old != new:
            yield path, old, new
        return
    for key in [*after, *(key for key in before if key not in after)]:
        yield from _differences(before.get(key, _NOTHING), after.get(key, _NOTHING), (*path, key))


def _keyed(value: Any) -> Mapping[str, Any] | None:
    """Return a mapping, or a list of things that have names of their own, by key; None for all else."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list) and value and all(isinstance(one, Mapping) and "name" in one for one in value):
        named = {str(one["name"]): one for one in value}
        return named if len(named) == len(value) else None
    return None


def _fingerprinted(name: str, value: Any, fingerprint: Fingerprint) -> Any:
    if isinstance(value, Mapping):
        return {key: _fingerprinted(str(key), one, fingerprint) for key, one in value.items()}
    if isinstance(value, list):
        return [_fingerprinted(name, one, fingerprint) for one in value]
    return value if value is _NOTHING or name in _NAMING else shown_text(name, value, fingerprint)


def _text(value: Any, *, is_hidden: bool) -> str:
    if value is _NOTHING:
        return ABSENT
    if is_hidden and not isinstance(value, bool):
        return _MASKED
    shown = mask_document(value)
    return shown if isinstance(shown, str) else json.dumps(shown, sort_keys=True)


def _shortened(text: str) -> str:
    line = text.replace("\n", "\\n") or '""'
    return line if len(line) <= _LONGEST_VALUE else f"{line[: _LONGEST_VALUE - 3]}..."
