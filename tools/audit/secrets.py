"""Secrets in the files of the repository: by the forms that keys and tokens have, whoever they are for.

What looks like one and is none, such as a key that a test has made, is told by its file in `MADE_UP`.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

FORMS = {
    "a private key": re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----\s*(?:\\n)?[A-Za-z0-9+/=]{40}"),
    "an access key of AWS": re.compile(rb"(?<![A-Z0-9])(?:AKIA|ASIA)(?!.{0,12}EXAMPLE)[A-Z0-9]{16}(?![A-Z0-9])"),
    "a token of GitHub": re.compile(rb"(?<!\w)(?:gh[pousr]_\w{36}|github_pat_\w{50})"),
    "a token of GitLab": re.compile(rb"(?<!\w)glpat-[\w-]{20}"),
    "a token of Slack": re.compile(rb"(?<!\w)xox[abprs]-[0-9A-Za-z-]{20}"),
    "a key of Google": re.compile(rb"(?<!\w)AIza[\w-]{35}"),
    "a JSON web token": re.compile(rb"(?<!\w)eyJ[\w-]{20,}\.eyJ[\w-]{20,}\.[\w-]{20,}"),
    "a password in an address": re.compile(
        rb"(?:postgresql|redis|amqp|https?)\+?\w*://[\w.-]+:[^\s:@/${}<>\"'`]{12,}@"
    ),
}
MADE_UP: frozenset[str] = frozenset()
"""Files with something of such a form that opens nothing."""


def problems(root: Path) -> Iterator[str]:
    """Yield each place of a file that git has, or would take, which looks like a secret; never the secret itself."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        check=True,
        capture_output=True,
    ).stdout
    for name in sorted(set(filter(None, listed.decode().split("\0"))) - MADE_UP):
        path = root / name
        if path.is_file():
            yield from found_in(name, path.read_bytes())


def found_in(name: str, data: bytes) -> Iterator[str]:
    """Yield what looks like a secret in a file."""
    for what, form in FORMS.items():
        for match in form.finditer(data):
            line = data.count(b"\n", 0, match.start()) + 1
            yield f"{name}:{line}: it looks like {what}: take it out and make it worthless, or add the file to MADE_UP"
