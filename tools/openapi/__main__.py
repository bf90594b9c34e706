"""Write docs/openapi.json, the description of the API, anew: `python -m tools.openapi`, from anywhere."""

from __future__ import annotations

from pathlib import Path

from windlass.web.app import create_app
from windlass.web.openapi import text

FILE = Path(__file__).parents[2] / "docs" / "openapi.json"

if __name__ == "__main__":
    FILE.write_text(text(create_app()), encoding="utf-8")
    print(FILE)
