from __future__ import annotations

import io
import random
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.backup.examples import BUNDLE, TAKEN, manifest, new_keys
from windlass.domain.backup import (
    SNAPSHOT,
    STATE,
    BundleId,
    BundleManifest,
    BundleTrust,
    Comparison,
    DrillRecord,
    drill_id,
)
from windlass.domain.sealing import CHUNK_BYTES
from windlass.effects.bundles import Spool, Vault
from windlass.effects.bundles.streams import PIECE_BYTES, PieceReader, compressed, expanded
from windlass.effects.store import MemoryStore
from windlass.errors import IntegrityError

KEYS = new_keys()
NOISE = random.Random(1).randbytes(3 * CHUNK_BYTES)  # noqa: S311 (it must not shrink, so that there are several chunks)
SEALED = f"clusters/demo/bundles/{BUNDLE}/{SNAPSHOT}"
HEADER_BYTES = 87


def filled(
    content: bytes = NOISE, bundle: BundleId = BUNDLE, store: MemoryStore | None = None
) -> tuple[Vault, BundleManifest]:
    vault = Vault(store or MemoryStore(), "demo", KEYS)
    parts = {
        name: vault.write_part(bundle, name, io.BytesIO(data)) for name, data in ((SNAPSHOT, content), (STATE, b"1"))
    }
    made = manifest(id=str(bundle), parts=parts)
    vault.commit(made)
    return vault, made


def damage(vault: Vault, change: Callable[[bytes], bytes]) -> None:
    stored = vault.store.get(SEALED)
    assert stored is not None
    vault.store.put(SEALED, change(stored.data))


def read(vault: Vault, made: BundleManifest) -> bytes:
    with vault.open_part(made, SNAPSHOT) as pieces:
        return b"".join(pieces)


def swapped(data: bytes) -> bytes:
    chunk = CHUNK_BYTES + 16
    one, two = (data[HEADER_BYTES + n * chunk :][:chunk] for n in (0, 1))
    return data[:HEADER_BYTES] + two + one + data[HEADER_BYTES + 2 * chunk :]


@pytest.mark.parametrize("content", [b"", b"x", bytes(5 * CHUNK_BYTES), NOISE])
def test_a_bundle_is_read_back(content: bytes) -> None:
    vault, made = filled(content)
    assert vault.manifest(BUNDLE) == made
    assert read(vault, made) == content
    vault.verify(made)


@given(st.integers(0, len(NOISE)), st.integers(1, 255))
def test_a_flipped_bit_anywhere_is_refused(place: int, change: int) -> None:
    vault, made = filled(NOISE[:5000])
    place %= 5000
    damage(vault, lambda data: data[:place] + bytes([data[place] ^ change]) + data[place + 1 :])
    with pytest.raises(IntegrityError, match=SEALED):
        vault.verify(made)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data[:-1], "damaged, out of place or cut off"),
        (lambda data: data[: HEADER_BYTES + CHUNK_BYTES + 16], "cut off after chunk 0"),
        (lambda data: data[:40], "cut off in its header"),
        (lambda data: b"", "cut off in its header"),
        (swapped, "chunk 0 is damaged, out of place"),
        (lambda data: data + b"more", "damaged, out of place"),
    ],
)
def test_a_part_that_is_cut_off_or_reordered_is_refused_with_the_reason(change: Any, reason: str) -> None:
    vault, made = filled()
    damage(vault, change)
    with pytest.raises(IntegrityError, match=reason):
        vault.verify(made)


def test_an_older_object_in_the_place_of_a_part_is_refused() -> None:
    vault, made = filled()
    vault.store.delete(SEALED)
    vault.write_part(BUNDLE, SNAPSHOT, io.BytesIO(b"an older database"))
    with pytest.raises(IntegrityError, match="is not the one of"):
        vault.verify(made)


def test_a_part_of_another_bundle_is_refused() -> None:
    store = MemoryStore()
    other = BundleId.of(TAKEN, 7)
    filled(b"other", other, store)
    vault, made = filled(store=store)
    stolen = store.get(f"clusters/demo/bundles/{other}/{SNAPSHOT}")
    assert stolen is not None
    store.put(SEALED, stolen.data)
    with pytest.raises(IntegrityError, match="sealed for another place"):
        vault.verify(made)


def test_a_missing_part_is_told() -> None:
    vault, made = filled()
    vault.store.delete(SEALED)
    with pytest.raises(IntegrityError, match="it is missing"):
        vault.verify(made)


def test_a_wrong_key_is_told() -> None:
    vault, made = filled()
    stranger = Vault(vault.store, "demo", new_keys())
    with pytest.raises(IntegrityError, match="not by any of the master keys"):
        stranger.manifest(BUNDLE)
    with pytest.raises(IntegrityError, match="sealed with the master key"):
        stranger.verify(made)


def test_a_rotated_key_still_reads() -> None:
    vault, made = filled()
    later = Vault(vault.store, "demo", new_keys(KEYS.keys[0].key.reveal()))
    assert later.manifest(BUNDLE) == made
    later.verify(made)


def test_a_bundle_is_written_once() -> None:
    vault, made = filled()
    with pytest.raises(IntegrityError, match="such a part already"):
        vault.write_part(BUNDLE, SNAPSHOT, io.BytesIO(b"other"))
    vault.commit(made)  # the same once more: a retry whose first answer was lost
    with pytest.raises(IntegrityError, match=r"there is a bundle .* already"):
        vault.commit(manifest(parts=made.parts, by="another run"))


def test_without_its_manifest_it_is_no_bundle() -> None:
    vault, _ = filled()
    vault.write_part(BundleId.of(TAKEN, 7), SNAPSHOT, io.BytesIO(b"half"))
    assert vault.inventory().bundles == (BUNDLE,)
    assert vault.inventory().incomplete == (BundleId.of(TAKEN, 7),)
    with pytest.raises(IntegrityError, match="so that it is none"):
        vault.manifest(BundleId.of(TAKEN, 7))


def test_what_is_deleted_leaves_nothing() -> None:
    vault, _ = filled()
    vault.delete(BUNDLE)
    assert list(vault.store.list("")) == []


def record(*, failure: str = "", disproves: bool = False, minutes: int = 0) -> DrillRecord:
    time = TAKEN + timedelta(minutes=minutes)
    return DrillRecord(
        id=drill_id(BUNDLE, time),
        cluster="demo",
        bundle=str(BUNDLE),
        host="w-1",
        by="restore_drill (run one)",
        started=time,
        finished=time,
        milliseconds={"restore": 1700},
        comparisons=(Comparison(what="revision", expected="1042", found="1042"),),
        failure=failure,
        disproves=disproves,
    )


def standing(vault: Vault) -> BundleTrust:
    (one,) = vault.candidates()
    return one.standing


def test_a_bundle_is_proven_by_a_drill_and_disproven_by_a_later_one() -> None:
    vault, _ = filled()
    assert standing(vault) is BundleTrust.VERIFIED
    vault.save_drill(record(failure="no room on w-1", minutes=1))
    assert standing(vault) is BundleTrust.VERIFIED
    vault.save_drill(record(minutes=2))
    assert standing(vault) is BundleTrust.PROVEN
    vault.save_drill(record(failure="w-1 did not answer", minutes=3))
    assert standing(vault) is BundleTrust.PROVEN
    vault.save_drill(record(failure="another hash", disproves=True, minutes=4))
    assert standing(vault) is BundleTrust.DISPROVEN


def test_a_forged_drill_proves_nothing() -> None:
    vault, _ = filled()
    Vault(vault.store, "demo", new_keys()).save_drill(record())
    assert standing(vault) is BundleTrust.VERIFIED


def test_a_bundle_whose_manifest_is_damaged_is_listed_with_the_reason() -> None:
    vault, _ = filled()
    vault.store.put(f"clusters/demo/bundles/{BUNDLE}/manifest.json", b"{}")
    (one,) = vault.candidates()
    assert one.standing is BundleTrust.REFUSED
    assert "damaged" in one.reason


@given(st.lists(st.binary(max_size=2000), max_size=20), st.integers(1, 3000))
def test_streams_lose_nothing(pieces: list[bytes], size: int) -> None:
    reader = PieceReader(expanded(compressed(pieces), "here"))
    assert b"".join(iter(lambda: reader.read(size), b"")) == b"".join(pieces)


class Forgetful(MemoryStore):
    """Stores what it is given, and loses its answer: what is asked again finds itself."""

    def create_from(self, key: str, source: BinaryIO) -> bool:
        super().create_from(key, source)
        return False


def test_a_part_whose_answer_was_lost_is_stored_all_the_same() -> None:
    vault, made = filled(store=Forgetful())
    assert read(vault, made) == NOISE


def test_a_part_is_never_written_over_another() -> None:
    vault, _ = filled()
    with pytest.raises(IntegrityError, match="there is such a part already"):
        vault.write_part(BUNDLE, SNAPSHOT, io.BytesIO(b"other"))


@given(st.lists(st.tuples(st.integers(0, 2**32), st.integers(1, 100_000), st.booleans()), max_size=6))
def test_what_does_not_shrink_is_stored_in_a_stream_that_any_zlib_reads(made: list[tuple[int, int, bool]]) -> None:
    pieces = [random.Random(seed).randbytes(size) if noise else b"ab" * size for seed, size, noise in made]  # noqa: S311 (content that does not shrink)
    shrunk = b"".join(compressed(pieces))
    assert zlib.decompress(shrunk) == b"".join(pieces)
    assert len(shrunk) <= 200 + sum(
        (len(one) + 200) if noise else 2_000 for one, (*_, noise) in zip(pieces, made, strict=True)
    )


def test_zeros_expand_in_pieces_of_bounded_size() -> None:
    shrunk = list(compressed([bytes(64 * 1024 * 1024)]))
    assert max(len(piece) for piece in expanded(shrunk, "here")) <= PIECE_BYTES


@given(st.lists(st.binary(max_size=3000), max_size=10), st.data())
def test_a_spool_reads_anywhere_what_was_written(pieces: list[bytes], data: st.DataObject) -> None:
    content = b"".join(pieces)
    with Spool() as spool:
        for piece in pieces:
            spool.write(piece)
        offset, size = data.draw(st.integers(0, len(content))), data.draw(st.integers(0, 2 * len(content)))
        assert spool.read_at(offset, size) == content[offset : offset + size]
        assert spool.reader().read() == content


def test_what_lies_on_disk_is_not_what_was_written() -> None:
    with Spool() as spool:
        spool.write(b"hunter2" * 100)
        spool._file.seek(0)
        assert b"hunter2" not in spool._file.read()


def test_the_proof_of_one_bundle_is_none_of_another_that_it_is_copied_beside() -> None:
    other = BundleId.of(TAKEN, 1043)
    vault, _ = filled()
    filled(bundle=other, store=vault.store)  # type: ignore[arg-type]  # it is the one in memory
    vault.save_drill(record())
    stored = vault.store.get(f"clusters/demo/drills/{record().id}.json")
    assert stored is not None
    vault.store.put(f"clusters/demo/drills/{drill_id(other, TAKEN)}.json", stored.data)

    assert {one.bundle: one.standing for one in vault.candidates()} == {
        BUNDLE: BundleTrust.PROVEN,
        other: BundleTrust.VERIFIED,
    }
    assert vault.newest_proven([BUNDLE, other]) == BUNDLE
    with pytest.raises(IntegrityError, match="it is the record of demo's drill"):
        vault.drill(drill_id(other, TAKEN))


def test_the_proof_of_another_cluster_s_bundle_is_none() -> None:
    vault, _ = filled()
    others = record().model_copy(update={"cluster": "other"})
    vault.store.put(f"clusters/demo/drills/{others.id}.json", others.to_bytes(KEYS))

    assert standing(vault) is BundleTrust.VERIFIED


def test_a_record_that_is_about_another_bundle_than_its_name_says_is_none() -> None:
    vault, _ = filled()
    vault.save_drill(record().model_copy(update={"bundle": str(BundleId.of(TAKEN, 1043))}))

    assert standing(vault) is BundleTrust.VERIFIED
