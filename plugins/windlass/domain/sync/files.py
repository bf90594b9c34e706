"""The specs among the files of a folder; one that is wrong hides no other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from windlass.domain.spec import load_cluster
from windlass.domain.spec.plain_secrets import refuse_plain_secrets
from windlass.domain.yamltext import parse_yaml
from windlass.errors import SpecError

_OURS = "windlass/"
"""How the `apiVersion` of what Windlass reads begins."""


@dataclass(frozen=True)
class SpecFile:
    """One file with the spec of one cluster."""

    path: str
    cluster: str
    text: str

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the text, as hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class Files:
    """What is in a folder: specs, what is wrong by path, and the paths of YAML that is not Windlass's."""

    specs: tuple[SpecFile, ...]
    wrong: Mapping[str, str]
    others: tuple[str, ...]


def read_files(texts: Mapping[str, str]) -> Files:
    """Sort the texts of YAML files, by path, into specs and others.

    A spec is valid by itself; whether it fits the catalog and other clusters is for the run that applies it.
    """
    specs, wrong, others = [], {}, []
    for path, text in sorted(texts.items()):
        try:
            found = _read(path, text)
        except SpecError as error:
            wrong[path] = str(error)
            continue
        if found is None:
            others.append(path)
        else:
            specs.append(found)
    twice = _named_twice(specs)
    wrong |= twice
    return Files(tuple(one for one in specs if one.path not in twice), wrong, tuple(others))


def _read(path: str, text: str) -> SpecFile | None:
    documents = parse_yaml(path, text)
    if not any(_is_ours(one) for one in documents):
        return None
    if len(documents) > 1:
        raise SpecError(f"{path}: it has {len(documents)} documents; give each cluster a file of its own")
    cluster = load_cluster(text, path)
    refuse_plain_secrets(cluster, path)
    return SpecFile(path, cluster.name, text)


def _is_ours(document: Any) -> bool:
    return isinstance(document, Mapping) and str(document.get("apiVersion", "")).startswith(_OURS)


def _named_twice(specs: list[SpecFile]) -> dict[str, str]:
    """Return what is wrong with files whose cluster is in another one too: nobody can tell which is meant."""
    by_name: dict[str, list[str]] = {}
    for one in specs:
        by_name.setdefault(one.cluster, []).append(one.path)
    return {
        path: f"{path}: metadata.name: `{name}` is also in {', '.join(sorted({*paths} - {path}))}; neither is applied: "
        "leave one of them"
        for name, paths in by_name.items()
        if len(paths) > 1
        for path in paths
    }
