"""An object of the store with what proves it: where it belongs, its generation, and a signature of all that.

Two lines of JSON, then the content as it is: the first says what it is and, by `windlass`, in which format of its kind;
the second has the signature (Ed25519, base64) of the first line and the content. The content of a sealed kind is sealed
under the reading key, for its key.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from windlass.domain.authenticity.place import Place
from windlass.domain.authenticity.record_keys import READING_KEY_CONNECTION, RecordKeys
from windlass.domain.bounded import read_from
from windlass.domain.sealing import MASTER_KEY_CONNECTION, seal_bytes, unseal_bytes
from windlass.errors import IntegrityError
from windlass.operation_names import Operation

_BEGIN = b'{"windlass": '
_MOST_HEADER = 4096
"""Bytes of the first two lines; keys of S3 have 1024 at most."""
_BACK = "put its last version back (versions of the bucket), or see `windlass store check` and docs/store.md"


@dataclass(frozen=True)
class Authenticated:
    """An object that Windlass wrote."""

    cluster: str
    kind: str
    key: str
    installation: str
    """Which store it was written to."""
    generation: int
    """Grows with each write: milliseconds since 1970, and at least one more than before."""
    body: bytes = field(repr=False)

    @classmethod
    def at(cls, place: Place, installation: str, generation: int, body: bytes) -> Authenticated:
        """Return an object for `place`."""
        return cls(place.cluster, place.kind, place.key, installation, generation, body)

    def to_bytes(self, place: Place, keys: RecordKeys) -> bytes:
        """Return it as it is stored, signed by the first key."""
        head = {
            "windlass": place.formats[-1],
            **{name: value for name, value in self.__dict__.items() if name != "body"},
        }
        line = json.dumps(head).encode() + b"\n"
        content = seal_bytes(self.body, keys.sealing, place.key) if place.is_sealed else self.body
        signature = base64.b64encode(keys.sign(line + content)).decode()
        return line + json.dumps({"signature": signature}).encode() + b"\n" + content


def is_envelope(data: bytes) -> bool:
    """Tell whether an object looks like one that was signed."""
    return data.startswith(_BEGIN)


def open_envelope(data: bytes, place: Place, keys: RecordKeys, installation: str | None) -> Authenticated:
    """Return what is stored at `place`; IntegrityError says what it is instead. None: of whichever installation."""
    line, signature, content = _parts(data, place)
    if not keys.verify(line + content, [signature]):
        raise IntegrityError(
            f"{place}: its signature is not by a key of `{MASTER_KEY_CONNECTION}` (or `{READING_KEY_CONNECTION}`): "
            f"it was changed, or the key that signed it is missing there; {_BACK}"
        )
    found = _read(line, place, content)
    _check_place(found, place, installation)
    if not place.is_sealed:
        return found
    return Authenticated.at(place, found.installation, found.generation, unseal_bytes(content, keys.sealing, place.key))


def read_unverified(data: bytes, place: Place) -> bytes:
    """Return the content of an object that nobody here can check, for showing it; IntegrityError if it is sealed."""
    if not is_envelope(data):
        return data
    if place.is_sealed:
        raise IntegrityError(
            f"{place}: it is sealed, and there is no key here that opens it; put what `windlass store reading-key` "
            f"prints into the connection `{READING_KEY_CONNECTION}`"
        )
    return _parts(data, place)[2]


def _parts(data: bytes, place: Place) -> tuple[bytes, bytes, bytes]:
    """Split an object into its first line, the signature and the content."""
    if not is_envelope(data):
        raise IntegrityError(f"{place}: it is not signed, and this store takes only what is; {_BACK}")
    first = data.find(b"\n", 0, _MOST_HEADER) + 1
    second = data.find(b"\n", first, _MOST_HEADER) + 1
    if not 0 < first < second:
        raise IntegrityError(f"{place}: it is cut off before its content; {_BACK}")
    with read_from(str(place), _BACK):
        signature = base64.b64decode(json.loads(data[first:second])["signature"], validate=True)
    return data[:first], signature, data[second:]


def _read(line: bytes, place: Place, content: bytes) -> Authenticated:
    with read_from(str(place), _BACK):
        head: Mapping[str, Any] = json.loads(line)
        _check_format(head["windlass"], place)
        words = {name: str(head[name]) for name in ("cluster", "kind", "key", "installation")}
        return Authenticated(**words, generation=int(head["generation"]), body=content)


def _check_format(found: Any, place: Place) -> None:
    """IntegrityError if this Windlass does not read objects of that format, with what to do."""
    if found in place.formats:
        return
    reads = f"{place.formats[0]} to {place.formats[-1]}" if len(place.formats) > 1 else str(place.formats[-1])
    if isinstance(found, int) and found < place.formats[0]:
        raise IntegrityError(
            f"{place}: it has the format {found}, and this Windlass reads {reads}: an older one wrote it; "
            f"have a release between the two write it first, by `{Operation.APPLY}`"
        )
    raise IntegrityError(
        f"{place}: it has the format {found}, and this Windlass reads {reads}: a newer Windlass wrote it; bring this "
        "process (worker, triggerer, API server, command line) to that release, then clear the task or start it again"
    )


def _check_place(found: Authenticated, place: Place, installation: str | None) -> None:
    if found.cluster != place.cluster:
        raise IntegrityError(f"{place}: it is of cluster `{found.cluster}`, where it was {found.key}; {_BACK}")
    if found.kind != place.kind:
        raise IntegrityError(f"{place}: it is of the kind `{found.kind}` and no `{place.kind}`; {_BACK}")
    if found.key != place.key:
        raise IntegrityError(f"{place}: it is another object, {found.key}, put there; {_BACK}")
    if installation is not None and found.installation != installation:
        raise IntegrityError(
            f"{place}: it is of the installation {found.installation}, and this one is {installation}; {_BACK}"
        )
