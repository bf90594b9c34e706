"""Runs benchmarks one after another; one that fails is reported and does not stop the others."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench import results
from bench.catalog import Measure, choose, registered
from bench.figure import Figure
from bench.workbench import Workbench, workbench
from windlass.errors import SpecError, WindlassError

MODULES = (
    "command_help",
    "mirror_noop",
    "host_set",
    "lab_ready",
    "ssh_command",
    "fan_out",
    "kubeadm_twin",
    "create_vs_kubeadm",
    "memory",
    "bare_hosts",
    "flat_memory",
    "backup",
    "backup_cost",
    "recovery",
    "large",
    "upgrade_vs_kubeadm",
    "thousand_clusters",
    "pages",
    "remediation",
    "notice",
    "remediation_tests",
    "hundred_workers",
    "changed_hosts",
    "changed_spec",
)
"""Every module with a benchmark, in the order in which they run."""


@dataclass
class Run:
    """What a run has measured, and what it could not."""

    figures: list[Figure] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def main(arguments: Sequence[str]) -> int:
    """Measure what is named, or everything; return 0, 1 if one failed, 2 if a name is not known."""
    for module in MODULES:
        importlib.import_module(f"bench.{module}")
    try:
        chosen = choose(registered(), arguments)
        results.read(results.RESULTS)
    except SpecError as error:
        print(error, file=sys.stderr)
        return 2
    with workbench() as bench:
        run = measure_all(chosen, bench, lambda figures: keep(figures, results.RESULTS))
    print(report(run))
    return 1 if run.failed else 0


def measure_all(chosen: Mapping[str, Measure], bench: Workbench, on_figures: Callable[[Sequence[Figure]], None]) -> Run:
    """Run each benchmark, whatever became of those before it; hand over the figures of each as soon as it is done."""
    run = Run()
    for name, measure in chosen.items():
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            figures = list(measure(bench))
        except Exception as error:  # noqa: BLE001 (whatever one benchmark stumbles over, the others still run)
            run.failed[name] = _reason(error)
            print(f"{name}: failed: {run.failed[name]}", file=sys.stderr, flush=True)
        else:
            run.figures += figures
            on_figures(figures)
            print(_lines(figures), file=sys.stderr, flush=True)
    return run


def keep(figures: Iterable[Figure], path: Path) -> None:
    """Write what was measured beside what was measured before."""
    date, machine = datetime.now(UTC).isoformat(timespec="seconds"), results.machine()
    new = [figure.entry(date, machine) for figure in figures]
    results.write(path, results.merged(results.read(path), new))


def report(run: Run) -> str:
    """Write the closing report: each figure with its bar, each failure with its reason, one line of counts."""
    verdicts = [figure.agreement for figure in run.figures]
    counts = f"{verdicts.count('met')} bars met, {verdicts.count('not met')} not met, {len(run.failed)} failed"
    failures = [f"{name}: failed: {reason}" for name, reason in run.failed.items()]
    return "\n".join([*([_lines(run.figures)] if run.figures else []), *failures, counts])


def _lines(figures: Iterable[Figure]) -> str:
    return "\n".join(_line(figure) for figure in figures)


def _line(figure: Figure) -> str:
    runs = ", ".join(f"{value:.4g}" for value in figure.runs[:10]) + (", …" if len(figure.runs) > 10 else "")
    bar = f"; bar: {figure.bar} {figure.unit}: {figure.agreement}" if figure.bar else ""
    ratio = f" = {figure.ratio:.3g} times" if figure.ratio is not None else ""
    peer = f";{ratio} {figure.peer.name} ({figure.peer.value:.4g} {figure.unit})" if figure.peer else ""
    return f"{figure.name}: {figure.value:.4g} {figure.unit}{bar}{peer}; runs: {runs}"


def _reason(error: Exception) -> str:
    if isinstance(error, WindlassError):
        return str(error)
    return "".join(traceback.format_exception(error)).strip()
