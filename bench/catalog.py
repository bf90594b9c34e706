"""Every benchmark by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from bench.figure import Figure
from bench.workbench import Workbench
from windlass.errors import SpecError

Measure = Callable[[Workbench], Iterable[Figure]]
_REGISTERED: dict[str, Measure] = {}


def benchmark(name: str) -> Callable[[Measure], Measure]:
    """Register a function that is given the workbench and returns figures."""

    def register(measure: Measure) -> Measure:
        if name in _REGISTERED:
            raise SpecError(f"two benchmarks are called `{name}`; rename one")
        _REGISTERED[name] = measure
        return measure

    return register


def registered() -> Mapping[str, Measure]:
    """Return all benchmarks in the order in which they were registered."""
    return dict(_REGISTERED)


def choose(known: Mapping[str, Measure], only: Sequence[str]) -> dict[str, Measure]:
    """Return the benchmarks named in `only`, all for an empty one; SpecError for a name that is not known.

    Names may also come with commas between them.
    """
    names = [name for part in only for name in part.split(",") if name]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SpecError(f"no benchmark is called `{unknown[0]}`; there are: {', '.join(known)}")
    return {name: measure for name, measure in known.items() if not names or name in names}
