"""TLS with a client certificate that comes as text."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def client_context(ca: str, certificate_and_key: str) -> ssl.SSLContext:
    """Return a context that trusts `ca` and shows the certificate; all of it PEM."""
    context = ssl.create_default_context(cadata=ca)
    with _private_file(certificate_and_key) as path:
        context.load_cert_chain(path)
    return context


@contextmanager
def _private_file(content: str) -> Iterator[Path]:
    """Give OpenSSL a file, 0600 and gone right after, since it reads client keys from nowhere else."""
    with tempfile.NamedTemporaryFile("w", prefix="windlass-") as file:
        file.write(content)
        file.flush()
        yield Path(file.name)
