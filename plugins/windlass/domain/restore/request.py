"""What somebody wants back: one namespace, or one object."""

from __future__ import annotations

import re
from dataclasses import dataclass

from windlass.errors import SpecError

_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}(\.[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?)?")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._:-]{0,251}[A-Za-z0-9])?")
"""Names of RBAC have colons in them; no name has a slash or a percent sign."""


@dataclass(frozen=True)
class RestoreRequest:
    """What was asked for."""

    bundle: str
    """An id, a time, `newest` or `newest-proven`."""
    namespace: str = ""
    """The namespace that comes back, or that the one object is in; empty for an object without one."""
    kind: str = ""
    """Kind or plural, with its API group after a dot where that is needed; empty for a whole namespace."""
    name: str = ""
    overwrite: bool = False
    """Whether objects that live and differ are put back as the bundle has them."""

    def __post_init__(self) -> None:
        """SpecError if it is not clear what is wanted."""
        if bool(self.kind) != bool(self.name):
            raise SpecError("`kind` and `name` go together: give both for one object, neither for a whole namespace")
        if not (self.namespace or self.kind):
            raise SpecError("give `namespace` for a whole namespace, or `kind` and `name` for one object")
        for what, form in (("namespace", _NAMESPACE), ("kind", _KIND), ("name", _NAME)):
            value = getattr(self, what)
            if value and not form.fullmatch(value):
                raise SpecError(f"`{what}` is no name that Kubernetes knows: {value!r}")

    @property
    def is_whole_namespace(self) -> bool:
        """Tell whether all of a namespace is wanted."""
        return not self.kind

    @property
    def subject(self) -> str:
        """Name it for people."""
        if self.is_whole_namespace:
            return f"namespace {self.namespace}"
        return f"{self.kind} {f'{self.namespace}/' if self.namespace else ''}{self.name}"
