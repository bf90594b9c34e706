"""A Debian package as a file: an ar archive (deb(5), ar(5)) of a version, of control files and of the data."""

from __future__ import annotations

import re

from windlass.errors import IntegrityError

DATA = "data.tar"
_MAGIC, _HEADER_BYTES = b"!<arch>\n", 60
_SIZE = re.compile(rb"(\d{1,10}) *")


def data_archive(content: bytes, where: str) -> bytes:
    """Return the tar archive with the files of a package, as it is compressed; IntegrityError if there is none."""
    if not content.startswith(_MAGIC):
        raise IntegrityError(f"{where} is no Debian package; remove it and run again")
    offset = len(_MAGIC)
    while offset < len(content):
        name = content[offset : offset + 16].strip().rstrip(b"/")
        size = _SIZE.fullmatch(content, offset + 48, offset + 58)
        begin = offset + _HEADER_BYTES
        if size is None or begin + int(size[1]) > len(content):
            raise IntegrityError(f"{where} is damaged or cut off; remove it and run again")
        if name in {b"data.tar.xz", b"data.tar"}:
            return content[begin : begin + int(size[1])]
        offset = begin + int(size[1]) + int(size[1]) % 2
    raise IntegrityError(f"{where} holds no data.tar.xz; remove it and run again")
