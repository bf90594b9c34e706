"""A spec that has not changed renders the same bytes as before, so that no running cluster is changed by an upgrade."""

from __future__ import annotations

import json

from unit.rendering.digests import GOLDEN, digests

WRITE = "PYTHONPATH=plugins:tests python -m unit.rendering.digests"


def test_specs_render_to_what_was_reviewed_last() -> None:
    before, now = json.loads(GOLDEN.read_text()), digests()
    changed = sorted(what for what in before.keys() | now.keys() if before.get(what) != now.get(what))
    assert not changed, (
        f"running clusters are changed by this; if that is meant, run `{WRITE}` and say so in CHANGELOG.md"
    )
