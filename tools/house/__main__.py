"""Check the rules, print their figures, and what breaks them: `python -m tools.house`, from anywhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tools.house.anchors import check_anchors
from tools.house.circles import check_circles, import_graph
from tools.house.class_names import check_class_names
from tools.house.layout import check_layout
from tools.house.operations import check_operations
from tools.house.patches import check_patches
from tools.house.shell import check_shell
from tools.house.sizes import check_functions, check_modules
from tools.house.source import Result, read_sources
from tools.house.stems import check_stems

ROOT = Path(__file__).parents[2]
_WIDTH = 110


def main() -> int:
    """Return 1 if a rule is broken, else 0."""
    results = check(ROOT)
    print("\n".join(figure_lines([result.figure for result in results])))
    broken = [line for result in results for line in result.broken]
    print("\n".join(broken), end="\n" if broken else "", file=sys.stderr)
    return 1 if broken else 0


def check(root: Path) -> list[Result]:
    """Return what each rule says of the repository at `root`."""
    windlass = read_sources(root, "plugins/windlass")
    lab, dags = read_sources(root, "lab"), read_sources(root, "dags")
    product = [*windlass, *lab, *dags]
    whole = [*product, *read_sources(root, "tools")]
    return [
        check_functions(whole),
        check_modules(whole),
        check_stems(product),
        check_class_names([*windlass, *lab]),
        check_operations(product, [dag.path.stem for dag in dags]),
        check_layout(windlass),
        check_shell(windlass),
        check_anchors(whole),
        check_circles(import_graph("windlass", "windlass_lab")),
        check_patches(read_sources(root, "tests/world")),
    ]


def figure_lines(figures: Sequence[str]) -> list[str]:
    """Return the figures in lines that fit a screen, each beginning with `house: `."""
    lines: list[str] = []
    for figure in figures:
        if lines and len(lines[-1]) + len(figure) < _WIDTH:
            lines[-1] += f"; {figure}"
        else:
            lines.append(f"house: {figure}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
