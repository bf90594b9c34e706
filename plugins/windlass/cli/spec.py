"""`windlass spec`: checks cluster specs and prints their schema."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from windlass.domain.spec import Cluster, Known, load_cluster, summary_line
from windlass.domain.spec.published_schema import json_schema_text
from windlass.domain.spec.schema import reference_markdown
from windlass.effects.catalog import load_drivers, load_flags, load_kubelet_keys, load_stacks
from windlass.effects.installed import HOST_PROVIDERS, installed_names
from windlass.errors import SpecError

_INVALID = 2


def validate(arguments: argparse.Namespace) -> int:
    """Print everything that is wrong with cluster specs, at once."""
    texts = {str(path): _read(path) for path in arguments.files}
    catalog = arguments.catalog
    providers = installed_names(HOST_PROVIDERS)
    known = Known(
        known_versions(catalog),
        load_stacks(catalog),
        load_flags(catalog),
        providers,
        load_kubelet_keys(catalog),
        load_drivers(catalog),
    )
    readable = _readable(texts)
    wrong = list(_same_names(readable))
    for filename, text in texts.items():
        others = [cluster for other, cluster in readable.items() if other != filename]
        try:
            cluster = load_cluster(text, filename, known, other_clusters=others)
        except SpecError as error:
            wrong.append(str(error))
        else:
            print(f"{filename}: valid: {summary_line(cluster)}")
    for message in wrong:
        print(message, file=sys.stderr)
    return _INVALID if wrong else 0


def known_versions(catalog: Path) -> tuple[str, ...] | None:
    """Return the Kubernetes versions of a catalog's directory; None if there is no catalog."""
    found = tuple(sorted(path.parent.name for path in catalog.glob("v*/catalog.yaml")))
    return found or None


def _read(path: Path) -> str:
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror}; give the path of a cluster spec") from error
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: is no UTF-8 text; give the path of a cluster spec") from error


def _readable(texts: Mapping[str, str]) -> dict[str, Cluster]:
    """Return the specs that are valid by themselves; the others are told of later."""
    found = {}
    for filename, text in texts.items():
        try:
            found[filename] = load_cluster(text, filename)
        except SpecError:
            continue
    return found


def _same_names(clusters: Mapping[str, Cluster]) -> Sequence[str]:
    seen: dict[str, str] = {}
    found = []
    for filename, cluster in clusters.items():
        first = seen.setdefault(cluster.name, filename)
        if first != filename:
            found.append(
                f"{filename}: metadata.name: `{cluster.name}` is also in {first}; give each cluster its own name"
            )
    return found


def print_schema(arguments: argparse.Namespace) -> int:
    """Print the JSON Schema of cluster specs, or the reference of their keys."""
    print(reference_markdown() if arguments.markdown else json_schema_text(), end="")
    return 0
