"""What a person's laptop keeps: the token of a login to Airflow, and certificates until shortly before their end.

Files of mode 0600 in directories of mode 0700; what others could read is not used.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from windlass.cli.embedded.layout import cache_directory
from windlass.cli.embedded.secret_files import write_private
from windlass.domain.bounded import moment
from windlass.domain.secret import Secret
from windlass.errors import MALFORMED

_OTHERS = 0o077


@dataclass(frozen=True)
class KeptCredential:
    """A certificate with its key, as the laptop has them."""

    certificate: str
    """PEM."""
    key: Secret
    issued: datetime
    expires: datetime

    @property
    def use_until(self) -> datetime:
        """When another is to be asked for: shortly before the end, so that no request meets it."""
        return self.expires - (self.expires - self.issued) / 10


def kept_token(url: str) -> Secret | None:
    """Return the token of a login to the Airflow at `url`; None if there is none. It may have ended."""
    document = _read(_token_file(url))
    try:
        return None if document is None else Secret(str(document["token"]))
    except MALFORMED:
        return None


def keep_token(url: str, token: Secret) -> None:
    """Keep the token of a login, and forget what an earlier login was given."""
    forget_login(url)
    _write(_token_file(url), {"token": token.reveal()})


def forget_login(url: str) -> None:
    """Forget the token, and the certificates that it brought."""
    _token_file(url).unlink(missing_ok=True)
    shutil.rmtree(_credentials(url), ignore_errors=True)


def kept_credential(airflow: str, cluster: str) -> KeptCredential | None:
    """Return the certificate for a cluster that lies here, good or not; None if there is none."""
    document = _read(_credential_file(airflow, cluster))
    try:
        return None if document is None else _credential(document)
    except MALFORMED:
        return None


def keep_credential(airflow: str, cluster: str, credential: KeptCredential) -> None:
    """Keep a certificate for a cluster."""
    document = {
        "certificate": credential.certificate,
        "key": credential.key.reveal(),
        "issued": credential.issued.isoformat(),
        "expires": credential.expires.isoformat(),
    }
    _write(_credential_file(airflow, cluster), document)


def _credential(document: Mapping[str, Any]) -> KeptCredential:
    times = (moment(document[key]) for key in ("issued", "expires"))
    return KeptCredential(str(document["certificate"]), Secret(str(document["key"])), *times)


def _token_file(url: str) -> Path:
    return cache_directory() / "logins" / f"{_digest(url.rstrip('/'))}.json"


def _credentials(airflow: str) -> Path:
    return cache_directory() / "credentials" / _digest(airflow.rstrip("/"))


def _credential_file(airflow: str, cluster: str) -> Path:
    return _credentials(airflow) / f"{_digest(cluster)}.json"


def _digest(text: str) -> str:
    """Return a name for a file that says nothing, whatever `text` is."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


def _read(file: Path) -> Mapping[str, Any] | None:
    try:
        if file.stat().st_mode & _OTHERS:
            return None
        document = json.loads(file.read_text())
    except (OSError, *MALFORMED):
        return None
    return document if isinstance(document, dict) else None


def _write(file: Path, document: Mapping[str, str]) -> None:
    for directory in reversed(file.relative_to(cache_directory()).parents):
        # One by one: `parents` would make the outer ones with the usual mode.
        (cache_directory() / directory).mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(file, json.dumps(document))
