"""`windlass spec`: checks cluster specs and prints their schema."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from windlass.domain.spec import Cluster, Known, load_cluster, topology
from windlass.domain.spec.schema import json_schema_text, reference_markdown
from windlass.effects.catalog import load_flags, load_kubelet_keys, load_stacks
from windlass.effects.installed import HOST_PROVIDERS, installed_names
from windlass.errors import SpecError

_INCLUDE = Path(__file__).resolve().parents[3] / "include"
_INVALID = 2


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `windlass spec` and what is below it."""
    spec = commands.add_parser("spec", help="check cluster specs, print their schema")
    below = spec.add_subparsers(metavar="COMMAND", required=True)
    validate = below.add_parser("validate", help="say everything that is wrong with cluster specs, at once")
    validate.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a cluster spec; - for standard input")
    validate.add_argument(
        "--catalog",
        type=Path,
        default=Path(os.environ.get("WINDLASS_INCLUDE") or _INCLUDE) / "templates" / "kubernetes",
        help="directory with one directory per Kubernetes version (default: %(default)s)",
    )
    validate.set_defaults(run=_validate)
    schema = below.add_parser("schema", help="print the JSON Schema of cluster specs")
    schema.add_argument("--markdown", action="store_true", help="print the reference of all keys instead")
    schema.set_defaults(run=_schema)


def _validate(arguments: argparse.Namespace) -> int:
    texts = {str(path): _read(path) for path in arguments.files}
    catalog = arguments.catalog
    providers = installed_names(HOST_PROVIDERS)
    known = Known(
        known_versions(catalog), load_stacks(catalog), load_flags(catalog), providers, load_kubelet_keys(catalog)
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
            print(f"{filename}: valid: {_summary(cluster)}")
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


def _summary(cluster: Cluster) -> str:
    counts = ", ".join(
        f"{len(cluster.hosts_with(role))} {role}"
        for role in ("etcd", "control-plane", "worker")
        if cluster.hosts_with(role)
    )
    return f"cluster {cluster.name}, Kubernetes {cluster.spec.kubernetes.version}, {topology(cluster)}: {counts}"


def _schema(arguments: argparse.Namespace) -> int:
    print(reference_markdown() if arguments.markdown else json_schema_text(), end="")
    return 0
