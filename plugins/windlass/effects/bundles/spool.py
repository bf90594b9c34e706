"""A place on this machine's disk for a snapshot on its way: written once, read anywhere, never readable by others.

A snapshot must be read out of order to be checked, and may be larger than memory. What lies on disk is encrypted under
a key that exists only in this process, in a file without a name.
"""

from __future__ import annotations

import errno
import io
import os
import secrets
import shutil
import tempfile
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from windlass.errors import RefusedError

_BLOCK = 16
_SPARE_BYTES = 64 * 1024 * 1024


class Spool(io.RawIOBase):
    """Bytes that were written, to be read from any offset; use it in `with`."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="windlass-", buffering=0)  # noqa: SIM115 (closed by `close`)
        self._key = algorithms.AES(secrets.token_bytes(32))
        self._prefix = secrets.token_bytes(8)
        self._sealing = self._cipher(0)
        self.size = 0

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Append; RefusedError if the disk is full."""
        secret = memoryview(self._sealing.update(data))
        try:
            while secret:
                secret = secret[self._file.write(secret) :]
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise RefusedError(_no_room(self.size, 0)) from error
        self.size += len(data)
        return len(data)

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset`; less only at the end."""
        within = offset % _BLOCK
        secret = os.pread(self._file.fileno(), size, offset)
        cipher = self._cipher(offset // _BLOCK)
        if within:
            cipher.update(bytes(within))
        return cipher.update(secret)

    def reader(self) -> io.RawIOBase:
        """Return a stream of all that was written."""
        return _Reader(self)

    def close(self) -> None:
        """Give the space back."""
        self._file.close()
        super().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _cipher(self, block: int) -> CipherContext:
        nonce = self._prefix + block.to_bytes(8, "big")
        return Cipher(self._key, modes.CTR(nonce)).encryptor()  # of a stream cipher both ways are the same


class _Reader(io.RawIOBase):
    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._offset = 0

    def read(self, size: int = -1) -> bytes:
        left = self._spool.size - self._offset
        data = self._spool.read_at(self._offset, left if size < 0 else min(size, left))
        self._offset += len(data)
        return data


def check_room(size: int) -> None:
    """Raise RefusedError unless `size` bytes (and some to spare) are free where spools lie."""
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < size + _SPARE_BYTES:
        raise RefusedError(_no_room(size, free))


def _no_room(size: int, free: int) -> str:
    return (
        f"this machine has no room for a snapshot of {size // 2**20} MiB: {free // 2**20} MiB are free in "
        f"{tempfile.gettempdir()}; free some, or set TMPDIR of Airflow's workers to a larger disk"
    )
