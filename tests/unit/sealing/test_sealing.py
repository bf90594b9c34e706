from __future__ import annotations

import base64
import io
import tracemalloc
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from windlass.domain import sealing
from windlass.domain.sealing import (
    CHUNK_BYTES,
    MasterKeys,
    check_signature,
    new_master_key,
    seal_bytes,
    sealed_pieces,
    sealed_with,
    sign,
    unseal_bytes,
    unsealed_pieces,
)
from windlass.errors import IntegrityError, RefusedError

HEADER = 87
BLOCK = CHUNK_BYTES + 16
PLACE = "clusters/demo/pki/pki.sealed"
KEYS = MasterKeys.parse(new_master_key().reveal())
LENGTHS = st.sampled_from([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
THREE = bytes(range(256)) * (CHUNK_BYTES // 256) * 2 + b"the end"


class Dribble(io.RawIOBase):
    """A source that gives at most 1000 bytes at a time, as a pipe may."""

    def __init__(self, data: bytes) -> None:
        self._source = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._source.read(min(size, 1000))


@given(length=LENGTHS, seed=st.binary(min_size=1, max_size=8))
@settings(deadline=None, max_examples=30)
def test_what_was_sealed_comes_back(length: int, seed: bytes) -> None:
    data = (seed * (length // len(seed) + 1))[:length]
    sealed = seal_bytes(data, KEYS, PLACE)
    assert unseal_bytes(sealed, KEYS, PLACE) == data
    chunks = max(1, -(-length // CHUNK_BYTES))
    assert len(sealed) == HEADER + length + 16 * chunks


@given(data=st.binary(max_size=300), position=st.integers(min_value=0), bit=st.integers(0, 7))
@settings(deadline=None)
def test_every_flipped_bit_is_noticed(data: bytes, position: int, bit: int) -> None:
    sealed = bytearray(seal_bytes(data, KEYS, PLACE))
    sealed[position % len(sealed)] ^= 1 << bit
    with pytest.raises(IntegrityError):
        unseal_bytes(bytes(sealed), KEYS, PLACE)


@given(data=st.binary(max_size=300), cut=st.integers(min_value=1))
@settings(deadline=None)
def test_every_cut_is_noticed(data: bytes, cut: int) -> None:
    sealed = seal_bytes(data, KEYS, PLACE)
    with pytest.raises(IntegrityError):
        unseal_bytes(sealed[: len(sealed) - 1 - cut % len(sealed)], KEYS, PLACE)


def blocks(sealed: bytes) -> list[bytes]:
    body = sealed[HEADER:]
    return [body[start : start + BLOCK] for start in range(0, len(body), BLOCK)]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda s: s[:HEADER] + b"".join(blocks(s)[:2]), "cut off after chunk 1"),
        (lambda s: s[:HEADER], "cut off in chunk 0"),
        (lambda s: s[: HEADER - 1], "no sealed object"),
        (lambda s: b"", "no sealed object"),
        (lambda s: b"plain text" * 20, "no sealed object"),
        (lambda s: s[:-1], "chunk 2 is damaged"),
        (lambda s: s + b"x", "chunk 2 is damaged"),
        (lambda s: s[:HEADER] + b"".join([blocks(s)[1], blocks(s)[0], blocks(s)[2]]), "chunk 0 is damaged"),
        (lambda s: s[:HEADER] + b"".join([blocks(s)[0], blocks(s)[2]]), "chunk 1 is damaged"),
        (lambda s: s[:HEADER] + b"".join([blocks(s)[0], *blocks(s)]), "chunk 1 is damaged"),
        (lambda s: s[:17] + b"\xff" + s[18:], "header is damaged"),
    ],
)
def test_the_error_names_object_and_reason(damage: Callable[[bytes], bytes], reason: str) -> None:
    with pytest.raises(IntegrityError, match=reason) as caught:
        unseal_bytes(damage(seal_bytes(THREE, KEYS, PLACE)), KEYS, PLACE)
    assert str(caught.value).startswith(PLACE)


def test_data_after_a_full_last_chunk_is_noticed() -> None:
    sealed = seal_bytes(bytes(CHUNK_BYTES), KEYS, PLACE)
    with pytest.raises(IntegrityError, match="more data after the last chunk 0"):
        unseal_bytes(sealed + b"x", KEYS, PLACE)


def test_chunks_of_another_object_do_not_fit() -> None:
    one, other = (seal_bytes(THREE, KEYS, PLACE) for _ in range(2))
    with pytest.raises(IntegrityError, match="chunk 1 is damaged"):
        unseal_bytes(one[: HEADER + BLOCK] + other[HEADER + BLOCK :], KEYS, PLACE)


def test_an_object_does_not_open_in_another_place() -> None:
    with pytest.raises(IntegrityError, match="sealed for another place"):
        unseal_bytes(seal_bytes(b"demo's", KEYS, PLACE), KEYS, "clusters/other/pki/pki.sealed")


def test_a_wrong_key_is_named_as_such() -> None:
    other = MasterKeys.parse(new_master_key().reveal())
    sealed = seal_bytes(b"data", other, PLACE)
    with pytest.raises(IntegrityError, match="windlass_master_key") as caught:
        unseal_bytes(sealed, KEYS, PLACE)
    assert other.keys[0].key_id in str(caught.value)
    assert KEYS.keys[0].key_id in str(caught.value)


def test_the_first_key_seals_and_all_unseal() -> None:
    old, new = new_master_key().reveal(), new_master_key().reveal()
    before = seal_bytes(b"data", MasterKeys.parse(old), PLACE)
    rotated = MasterKeys.parse(f"{new}, {old}")
    assert unseal_bytes(before, rotated, PLACE) == b"data"
    after = seal_bytes(b"data", rotated, PLACE)
    assert sealed_with(after[:HEADER]) == MasterKeys.parse(new).keys[0].key_id
    assert unseal_bytes(after, MasterKeys.parse(new), PLACE) == b"data"


def test_sealing_twice_gives_different_bytes() -> None:
    assert seal_bytes(b"data", KEYS, PLACE) != seal_bytes(b"data", KEYS, PLACE)


def test_the_format_is_as_documented() -> None:
    """Opened here by hand from the fields of the header: a change of format must change its version."""
    sealed = seal_bytes(THREE, KEYS, PLACE)
    magic, key_id, size, prefix = sealed[:8], sealed[8:16], sealed[16:20], sealed[20:27]
    assert magic == b"WINDLAS\x01"
    assert int.from_bytes(size, "big") == CHUNK_BYTES
    master = base64.b64decode(KEYS.keys[0].key.reveal())
    derived = [HKDF(hashes.SHA256(), 8, None, b"windlass/1 id"), HKDF(hashes.SHA256(), 32, None, b"windlass/1 wrap")]
    identity, wrapping = (derivation.derive(master) for derivation in derived)
    assert key_id == identity
    data_key = AESGCM(wrapping).decrypt(sealed[27:39], sealed[39:87], sealed[:27] + PLACE.encode())
    digest = hashes.Hash(hashes.SHA256())
    digest.update(sealed[:HEADER] + PLACE.encode())
    bound = digest.finalize()
    opened = b""
    for number, block in enumerate(blocks(sealed)):
        nonce = prefix + number.to_bytes(4, "big") + (b"\x01" if number == 2 else b"\x00")
        opened += AESGCM(data_key).decrypt(nonce, block, bound)
    assert opened == THREE


def test_short_reads_of_a_pipe_do_not_end_a_chunk() -> None:
    sealed, opened = io.BytesIO(), io.BytesIO()
    sealed.writelines(sealed_pieces(Dribble(THREE), KEYS, PLACE))
    opened.writelines(unsealed_pieces(Dribble(sealed.getvalue()), KEYS, PLACE))
    assert opened.getvalue() == THREE


class Zeros(io.RawIOBase):
    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, size: int = -1) -> bytes:
        given = min(size, self._left)
        self._left -= given
        return bytes(given)


class Nowhere(io.RawIOBase):
    def write(self, data: bytes) -> int:
        return len(data)


def test_memory_does_not_grow_with_the_object() -> None:
    tracemalloc.start()
    try:
        Nowhere().writelines(sealed_pieces(Zeros(64 * 1024 * 1024), KEYS, PLACE))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * CHUNK_BYTES


def test_a_chunk_size_that_would_fill_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "CHUNK_BYTES", 17 * 1024 * 1024)
    sealed = seal_bytes(b"data", KEYS, PLACE)
    with pytest.raises(IntegrityError, match="out of range"):
        unseal_bytes(sealed, KEYS, PLACE)


@pytest.mark.parametrize("text", [None, "", "  ", ","])
def test_a_missing_master_key_names_the_connection(text: str | None) -> None:
    with pytest.raises(RefusedError, match="no master key in the connection `windlass_master_key`"):
        MasterKeys.parse(text)


@pytest.mark.parametrize(
    ("bad", "reason"), [("c2hvcnQ=", "has 5 bytes"), ("not base64!", "is not base64"), ("A" * 45, "is not base64")]
)
def test_a_malformed_master_key_is_told_but_not_quoted(bad: str, reason: str) -> None:
    with pytest.raises(RefusedError, match=f"key 2 of 2 .*`other` {reason}") as caught:
        MasterKeys.parse(f"{new_master_key().reveal()},{bad}", connection="other")
    assert bad not in str(caught.value)


def test_no_key_shows_in_repr() -> None:
    assert KEYS.keys[0].key.reveal() not in repr(KEYS)


def test_a_signature_holds_for_all_master_keys_and_no_other_text() -> None:
    old, new = new_master_key().reveal(), new_master_key().reveal()
    signature = sign(b"manifest", MasterKeys.parse(old))
    check_signature(b"manifest", signature, MasterKeys.parse(f"{new},{old}"), "bundle b")
    with pytest.raises(IntegrityError, match="bundle b"):
        check_signature(b"manifest!", signature, MasterKeys.parse(old), "bundle b")
    with pytest.raises(IntegrityError, match="bundle b"):
        check_signature(b"manifest", signature, MasterKeys.parse(new), "bundle b")
