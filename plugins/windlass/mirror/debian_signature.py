"""Whether Debian's archive signed the index of a suite: by gpgv and the archive's own keyring, as apt does it."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from windlass.domain.bounded import read_from
from windlass.domain.markdown import shortened
from windlass.errors import IntegrityError, WindlassError
from windlass.mirror.commands import require

KEYRING_SETTING = "WINDLASS_DEBIAN_KEYRING"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_ADVICE = "Debian's index is checked by its signature: install gpgv and debian-archive-keyring, or use another source"
_BEGIN = b"-----BEGIN PGP SIGNED MESSAGE-----"
_SECONDS, _WIDTH = 30, 300


def signed_release(in_release: bytes, suite: str, url: str) -> str:
    """Return what the archive signed in an InRelease file that came from `url`, if that is of `suite` and not over.

    IntegrityError if no key of the archive's keyring signed it, or it is of another suite; whatever stands outside of
    what is signed is left out. WindlassError if gpgv or the keyring is missing.
    """
    if not in_release.startswith(_BEGIN) or in_release.count(_BEGIN) != 1:
        raise IntegrityError(f"{url}: it is not one signed text, so the packages cannot be checked")
    text = _verified(in_release, url)
    fields = dict(re.findall(r"^(\w[\w-]*): *(.*)$", text.partition("\nSHA256:")[0], flags=re.MULTILINE))
    if suite not in {fields.get("Codename"), fields.get("Suite")}:
        named = shortened(fields.get("Codename") or fields.get("Suite") or "nothing", _WIDTH)
        raise IntegrityError(f"{url}: Debian's archive signed it for `{named}`, not for `{suite}`; look what answers")
    _check_date(fields.get("Valid-Until"), url)
    return text


def _verified(in_release: bytes, url: str) -> str:
    require("gpgv", _ADVICE)
    keyring = Path(os.environ.get(KEYRING_SETTING) or _KEYRING).absolute()
    if not keyring.is_file():
        raise WindlassError(f"this machine: there is no {keyring}; {_ADVICE}, or name the keyring in {KEYRING_SETTING}")
    with tempfile.TemporaryDirectory(prefix="windlass-gpgv-") as work:
        given, signed = Path(work, "InRelease"), Path(work, "Release")
        given.write_bytes(in_release)
        argv = ["gpgv", "--homedir", work, "--weak-digest", "SHA1", "--status-fd", "1"]
        argv += ["--keyring", str(keyring), "--output", str(signed), str(given)]
        ended = _run(argv, url)
        words = re.findall(r"^\[GNUPG:\] (\w+)", ended.stdout.decode(errors="replace"), flags=re.MULTILINE)
        # Not by the exit code: a suite is signed by several keys, of which an older keyring does not know all. Good is
        # one that neither it nor its key is expired or revoked (doc/DETAILS of GnuPG).
        if "GOODSIG" not in words or "BADSIG" in words:
            last = shortened(" / ".join(ended.stderr.decode(errors="replace").split("\n")), _WIDTH)
            raise IntegrityError(f"{url}: Debian's archive did not sign it ({last}); look what answers there")
        return signed.read_text(encoding="utf-8", errors="replace")


def _run(argv: list[str], url: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(argv, capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise IntegrityError(f"{url}: gpgv did not end within {_SECONDS} s; look what answers there") from error


def _check_date(until: str | None, url: str) -> None:
    """Raise IntegrityError if the archive said that this holds no longer: an old one hides what was fixed since."""
    if until is None:
        return
    with read_from(url, "look what answers there"):
        is_over = parsedate_to_datetime(until) < datetime.now(UTC)
    if is_over:
        raise IntegrityError(f"{url}: it holds until {until} only; the mirror of Debian is too old, use another")
