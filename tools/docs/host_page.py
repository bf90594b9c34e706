"""The reference of what is on a host: files, ports and labels, as `windlass.domain.host.layout` has them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from tools.docs.site import ROOT

from windlass.domain.host import layout
from windlass.domain.host.preflight import PORTS
from windlass.domain.providers.traffic import HOSTS, reached_by

_HEAD = (
    "# On a host: files, ports, labels",
    "",
    "What Windlass puts on a host, where it listens, and what containers, nodes and objects are marked with. What was",
    "there before and comes back: [hosts.md](../hosts.md#what-is-noted-and-put-back).",
    "",
    "This page is made by `make docs-reference`.",
)


def host_page() -> str:
    """Return the page of a host's files, ports and labels."""
    files = [f"| `{path}` | {text} |" for path, text in _named(_is_path)]
    ports = [_port(port, text) for port, text in _named(_is_port)]
    labels = [f"| `{label}` | {text} |" for label, text in _named(_is_label)]
    return "\n".join(
        (
            *_HEAD,
            *("", "## Files", "", "| path | what |", "|---|---|", *files),
            *("", "## Ports", "", "All TCP.", ""),
            *(
                "| port | what | on hosts with the role | reached from hosts with the role |",
                "|---|---|---|---|",
                *ports,
            ),
            *(
                "",
                "Between nodes, what drivers send pods' packets by:",
                "",
                "| driver | port | with |",
                "|---|---|---|",
            ),
            *_traffic(),
            "",
            "SSH (the port of `hosts.ssh`) is reached by Windlass, and by other hosts, which tell by it whether one is",
            "down or cut off.",
            *("", "## Labels and annotations", "", "| name | what |", "|---|---|", *labels),
            "",
        )
    )


def undescribed() -> list[str]:
    """Return the names in the layout of files, ports and labels of which it does not say what they are."""
    texts = _texts()
    wanted = [
        name for name, value in vars(layout).items() if name.isupper() and any(kind(name, value) for kind in _KINDS)
    ]
    return [name for name in wanted if name not in texts]


def _is_path(_: str, value: object) -> bool:
    return str(value).startswith("/")


def _is_port(name: str, _: object) -> bool:
    return name.endswith("_PORT")


def _is_label(_: str, value: object) -> bool:
    return str(value).startswith("io.windlass")


_KINDS = (_is_path, _is_port, _is_label)


def _named(kind: Callable[[str, object], bool]) -> list[tuple[Any, str]]:
    """Return the values of a kind in their order, and the first sentence of what the layout says of each."""
    texts = {name: " ".join(text.split()).split(". ")[0].rstrip(".") for name, text in _texts().items()}
    values = vars(layout)
    return sorted((values[name], text) for name, text in texts.items() if kind(name, values[name]))


def _texts() -> dict[str, str]:
    """Return what the layout says of each of its values: the text below it."""
    body = ast.parse(Path(layout.__file__).read_text(encoding="utf-8")).body
    found = {}
    for value, text in pairwise(body):
        match value, text:
            case ast.Assign(targets=[ast.Name(name)]), ast.Expr(ast.Constant(str(words))):
                found[name] = words
    return found


def _port(port: int, text: str) -> str:
    roles = ", ".join(role for role, ports in PORTS.items() if port in ports)
    sources = ", ".join("every host" if group == HOSTS else group for group in reached_by(port))
    return f"| {port} | {text} | {roles or 'any'} | {sources if roles else 'its own host'} |"


def _traffic() -> Iterator[str]:
    for path in sorted((ROOT / "include" / "templates" / "drivers").glob("*/*/driver.yaml")):
        for one in yaml.safe_load(path.read_text(encoding="utf-8")).get("traffic", ()):
            when = ", ".join(f"`{key}: {value}`" for key, value in one.get("when", {}).items())
            slot, name = path.parts[-3:-1]
            yield f"| {slot}: {name} | {one['port']}/{one['protocol']} | {when or 'always'} |"
