"""What a host's facts bring along of the store, by the script itself in a real shell."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from windlass.domain.host.facts import parse_facts
from windlass.domain.host.layout import SEALED_PKI
from windlass.domain.scripts.facts import facts_script

MARKS = b'{"windlass": 1, "kind": "host-copy"}\n{"signature": "x"}\n{"clusters/demo/spec.yaml": 7}\n'


@pytest.mark.parametrize(
    ("content", "expected"),
    [(MARKS + b"WINDLAS\x01\x00\n\xff", MARKS), (b"WINDLAS\x01\x00\n\xff", None), (None, None), (b"", None)],
)
def test_the_marks_before_a_sealed_pki_are_told_and_nothing_else(
    tmp_path: Path, content: bytes | None, expected: bytes | None
) -> None:
    copy = tmp_path / "pki.sealed"
    if content is not None:
        copy.write_bytes(content)
    lines = facts_script().text.replace(SEALED_PKI, str(copy)).splitlines()
    at = next(number for number, line in enumerate(lines) if str(copy) in line)
    script = "\n".join(
        [next(line for line in lines if line.startswith("say()")), *lines[at : at + 3], "say complete yes"]
    )

    said = subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, check=True).stdout

    found = parse_facts(said).store_marks
    assert (None if found is None else base64.b64decode(found)) == expected
