from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.domain.kubeobjects import uid_of
from windlass.errors import IntegrityError

UID = "0f0c2b0e-5a51-4d9b-8d2f-9a1d3e1b7a11"


def field(number: int, content: bytes) -> bytes:
    length = len(content)
    size = bytes([length]) if length < 128 else bytes([length & 0x7F | 0x80, length >> 7])
    return bytes([number << 3 | 2]) + size + content


def enveloped(metadata: bytes) -> bytes:
    kind = field(1, field(1, b"v1") + field(2, b"Namespace"))
    return b"k8s\0" + kind + field(2, field(1, metadata) + field(2, b"spec")) + field(3, b"") + field(4, b"")


def test_the_uid_of_an_object_in_protobuf() -> None:
    number, fixed = bytes([7 << 3, 0x96, 0x01]), bytes([9 << 3 | 1]) + bytes(8) + bytes([10 << 3 | 5]) + bytes(4)
    metadata = field(1, b"default") + field(3, b"n" * 200) + number + fixed + field(5, UID.encode())
    assert uid_of(enveloped(metadata)) == UID


def test_the_uid_of_an_object_in_json() -> None:
    assert uid_of(b'{"kind": "Namespace", "metadata": {"name": "default", "uid": "%s"}}' % UID.encode()) == UID


@given(st.binary(max_size=300))
def test_anything_else_is_refused(value: bytes) -> None:
    for data in (value, b"k8s\0" + value, enveloped(field(1, b"no uid"))):
        with pytest.raises(IntegrityError, match="no Kubernetes object"):
            uid_of(data)
