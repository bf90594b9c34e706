"""What is run in pods of a cluster in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar
from urllib.parse import urlsplit

from windlass.effects.kubernetes.client import PODS, KubernetesClient, Resource
from windlass.effects.kubernetes.execute import EXECUTION
from windlass.errors import WindlassError


class ApiClient(KubernetesClient):
    """A client of the API; what it runs in pods answers at once: a page, or the word that was written to the volume.

    Names are resolved as by a DNS server that forgets nothing: a service made anew under its name is not found there.
    """

    _resolved: ClassVar[dict[tuple[str, ...], str]] = {}

    def execute(self, name: str, namespace: str, argv: Sequence[str], timeout: timedelta = EXECUTION) -> str:
        assert self.get(PODS, name, namespace), f"no pod {namespace}/{name}"
        *_, script, word = argv
        return f"{word}\n" if script == "keep-word" else self._page(word)

    def _page(self, url: str) -> str:
        name, namespace, *_ = (urlsplit(url).hostname or "").split(".")
        found = self.get(Resource("v1", "services", namespaced=True), name, namespace)
        if found is None:
            raise WindlassError(f"wget: bad address '{url}'")
        first = self._resolved.setdefault((name, namespace), found["metadata"]["uid"])
        return "windlass\n" if first == found["metadata"]["uid"] else "404\n"
