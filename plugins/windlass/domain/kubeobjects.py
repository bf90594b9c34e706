r"""A few facts about Kubernetes objects as etcd holds them: protobuf within an envelope, or JSON.

Envelope: `k8s\0` and a runtime.Unknown, whose field 2 is the object; field 1 of every object is its metadata, and
field 5 of that is the UID (apimachinery/pkg/runtime/serializer/protobuf, apis/meta/v1/generated.proto).
"""

from __future__ import annotations

import json

from windlass.domain.bounded import shown
from windlass.errors import MALFORMED, IntegrityError

_ENVELOPE = b"k8s\0"
_RAW, _METADATA, _UID = 2, 1, 5
_MOST_BITS = 64
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def uid_of(value: bytes) -> str:
    """Return the UID of an object; IntegrityError if the value is no object that is stored in clear."""
    try:
        if value.startswith(_ENVELOPE):
            metadata = _field(_field(value[len(_ENVELOPE) :], _RAW), _METADATA)
            return _field(metadata, _UID).decode()
        return str(json.loads(value)["metadata"]["uid"])
    except MALFORMED as error:
        raise IntegrityError(f"a value in etcd is no Kubernetes object that can be read: {shown(error)}") from error


def _field(message: bytes, desired: int) -> bytes:
    """Return the first field of that number in a message of protobuf; KeyError if there is none."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, kind = tag >> 3, tag & 7
        if kind == _BYTES:
            length, position = _varint(message, position)
            if position + length > len(message):
                raise ValueError("a field that is longer than its message")
            if number == desired:
                return message[position : position + length]
            position += length
        elif kind == _VARINT:
            _, position = _varint(message, position)
        elif kind in {_FIXED64, _FIXED32}:
            position += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"unknown wire type {kind}")
    raise KeyError(desired)


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, _MOST_BITS, 7):
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
    raise ValueError("a number of more than 64 bits")
