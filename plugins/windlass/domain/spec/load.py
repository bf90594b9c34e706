"""From YAML text to a checked cluster spec, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from windlass.domain.spec.checks import problems
from windlass.domain.spec.checks.not_there import surge
from windlass.domain.spec.document import Document, learn_types, read_document
from windlass.domain.spec.known import STORED, Known
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.problem import Path, Problem, UnreadableSpec
from windlass.domain.spec.salvage import read_models, salvage
from windlass.domain.spec.shape import shape_problems
from windlass.errors import SpecError

_HOSTS: Path = ("spec", "hosts")


@dataclass(frozen=True)
class CheckedSpec:
    """A spec and what is wrong with it."""

    cluster: Cluster | None
    """What could be read of it; None if its shape allows for none."""
    problems: tuple[tuple[int, Problem], ...]
    """Each with its line, in the order of lines."""


def load_cluster(
    text: str,
    filename: str,
    known: Known = STORED,
    *,
    other_clusters: Sequence[Cluster] = (),
    unreadable: Sequence[UnreadableSpec] = (),
) -> Cluster:
    """Read and check a cluster spec; SpecError with every problem, one a line, as `file:line: path: wrong; right`.

    `known` is what a new spec may name; a stored one is read without, and then what an earlier Windlass accepted stays
    readable. `other_clusters` may not share hosts, nor may specs that are `unreadable`, as far as can be told.
    """
    checked = check_text(text, known, other_clusters=other_clusters, unreadable=unreadable)
    if checked.problems or checked.cluster is None:
        raise SpecError("\n".join(f"{filename}:{line}: {problem}" for line, problem in checked.problems))
    return checked.cluster


def check_text(
    text: str,
    known: Known = STORED,
    *,
    other_clusters: Sequence[Cluster] = (),
    unreadable: Sequence[UnreadableSpec] = (),
) -> CheckedSpec:
    """Return what a cluster spec says and every problem of it, in the order of its lines; see `load_cluster`."""
    document = read_document(text)
    cluster, found = _check(document, lambda one: problems(one, known, other_clusters, unreadable))
    if known.versions is not None:
        found += surge(document.value)
    located = sorted(((document.line(one.path), one) for one in found), key=lambda one: one[0])
    return CheckedSpec(cluster, tuple(located))


def load_hosts(text: str) -> Cluster | None:
    """Return a cluster with the hosts of a spec that is wrong elsewhere; None if its hosts cannot be told for sure."""
    document = read_document(text)
    try:
        cluster: Cluster | None = read_models(document.value)
        touched: tuple[Path, ...] = ()
    except ValidationError as error:
        cluster, touched = salvage(document.value, shape_problems(error, document.value))
    wrong = [*touched, *(problem.path for problem in document.problems)]
    return None if any(path[:2] == _HOSTS[: len(path)] for path in wrong) else cluster


def dump_cluster(cluster: Cluster) -> str:
    """Write a spec as YAML with every setting in it, always the same for the same spec."""
    value = cluster.model_dump(mode="json", by_alias=True)
    return yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1000, default_flow_style=False)


class Dumper(yaml.SafeDumper):
    """Writes what any YAML reader understands alike: no aliases, words that look like other types quoted."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  PyYAML calls it so
        """Write every value out."""
        return True


learn_types(Dumper)  # so that it quotes what our own reader would take for a number, too


def _check(
    document: Document, problems_of: Callable[[Cluster], Sequence[Problem]]
) -> tuple[Cluster | None, list[Problem]]:
    """Return the cluster, if the document's shape allows for one, and what is wrong with either."""
    if document.value is None and document.problems:
        return None, list(document.problems)
    found = list(document.problems)
    try:
        cluster: Cluster | None = read_models(document.value)
        touched: tuple[Path, ...] = ()
    except ValidationError as error:
        wrong_shape = shape_problems(error, document.value)
        told = {problem.path for problem in found}
        found += [problem for problem in wrong_shape if problem.path not in told]
        cluster, touched = salvage(document.value, wrong_shape)
    if cluster is not None:
        further = problems_of(cluster)
        found += [problem for problem in further if not _may_follow(problem.path, touched)]
    return cluster, found


def _may_follow(path: Path, touched: Sequence[Path]) -> bool:
    """Say whether a problem at `path` may only come from what was dropped at one of `touched`."""
    return any(path[: len(other)] == other or other[: len(path)] == path for other in touched) or any(
        # Items of a list moved up when one of them was dropped.
        isinstance(other[-1], int) and path[: len(other) - 1] == other[:-1]
        for other in touched
    )
