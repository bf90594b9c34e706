"""Templates of the pages, rendered with what all of them need."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from windlass.web.words import FILTERS

HERE = Path(__file__).parent
PREFIX = "/windlass"
"""Below which path of Airflow's API server the pages are."""


def render(request: Request, template: str, **values: Any) -> str:
    """Return a page, or a part of one; `base` is where the pages are in it, `root` where Airflow is."""
    # The API server may itself lie below a path: links are relative to where this application is.
    base = request.scope.get("root_path", "").rstrip("/")
    known = {"base": base, "root": base.removesuffix(PREFIX), "now": datetime.now(UTC), "stamp": _stamp()}
    return _templates().get_template(template).render(**known, **values)


@lru_cache(maxsize=1)
def _stamp() -> str:
    """Return what stands in the addresses of scripts and styles, so that browsers keep none of another Windlass."""
    files = sorted((HERE / "static").iterdir())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


@lru_cache(maxsize=1)
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    return environment
