"""The secrets that specs refer to, as one process has asked for them: put in at the last moment, taken out of words."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from windlass.domain.masking import HIDDEN
from windlass.domain.secret import Secret
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.problem import path_text
from windlass.domain.spec.references import (
    EVERYWHERE,
    SecretReference,
    put_values,
    references_in,
    with_values,
)
from windlass.errors import RefusedError, SpecError

Resolve = Callable[[Cluster, SecretReference], Secret]
"""Returns what a reference of a cluster's spec stands for; SpecError if there is none, RefusedError if it may not."""
_SHORTEST = 4
"""What is shorter is no secret that could be told from other words."""


class SpecSecrets:
    """Asks for each secret once, and remembers it for as long as the process lives."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._lock = threading.Lock()
        self._known: dict[tuple[str, SecretReference], Secret] = {}

    def reveal(self, cluster: Cluster, *parts: str) -> Cluster:
        """Return the spec with secrets in the place of the references in `parts`, or in all; see `with_values`."""
        return with_values(cluster, lambda one: self._value(cluster, one).reveal(), *(parts or EVERYWHERE))

    def fill(self, cluster: Cluster, value: Any) -> Any:
        """Return a value of the spec with secrets in the place of its references."""
        return put_values(value, lambda one: self._value(cluster, one).reveal())

    def require(self, cluster: Cluster) -> None:
        """SpecError that names every secret that the spec refers to and that cannot be had."""
        wrong: dict[str, None] = {}
        for path, reference in references_in(cluster):
            try:
                self._value(cluster, reference)
            except (SpecError, RefusedError) as error:
                wrong[f"{path_text(path)}: {error}"] = None
        if wrong:
            raise SpecError("\n".join(wrong))

    def redact(self, value: Any) -> Any:
        """Return words, or plain values with words in them, without any secret that was asked for."""
        with self._lock:
            forms = {form for secret in self._known.values() for form in _forms(secret.reveal())}
        return _without(value, sorted(forms, key=len, reverse=True)) if forms else value

    def _value(self, cluster: Cluster, reference: SecretReference) -> Secret:
        key = (cluster.name, reference)
        with self._lock:
            if key not in self._known:
                self._known[key] = self._resolve(cluster, reference)
            return self._known[key]


def no_secrets(cluster: Cluster, reference: SecretReference) -> NoReturn:
    """Resolve nothing, where nobody has said who keeps secrets."""
    raise SpecError(f"{cluster.name}: nobody here knows {reference}")


def _forms(text: str) -> set[str]:
    """Return how a secret may stand in other words: as it is, as JSON has it, in base64, and line by line."""
    whole = {text, json.dumps(text)[1:-1], base64.b64encode(text.encode()).decode()}
    return {form for form in (*whole, *text.splitlines()) if len(form.strip()) >= _SHORTEST}


def _without(value: Any, forms: list[str]) -> Any:
    if isinstance(value, str):
        for form in forms:
            value = value.replace(form, HIDDEN)
        return value
    if isinstance(value, Mapping):
        return {key: _without(inner, forms) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_without(inner, forms) for inner in value)
    return value
