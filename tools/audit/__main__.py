"""Look for secrets in the repository, and at the licences of what it depends on: `python -m tools.audit`."""

from __future__ import annotations

import sys
from pathlib import Path

from tools.audit import licences, secrets

ROOT = Path(__file__).parents[2]


def main() -> int:
    """Return 1 if anything was found, else 0."""
    found = [*secrets.problems(ROOT), *licences.problems(ROOT)]
    print("\n".join(found) or f"no secrets; {len(licences.pinned(ROOT))} packages, by licences that may be used")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
