"""What a release wrote is read by those after it; what a newer one wrote is refused, with what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from unit.store.format_samples import OF_BEFORE, READ_ONLY, WRITTEN_AGAIN, Reading, Sample, master_keys, samples
from windlass.domain.authenticity import KINDS, Authenticated, Proof, open_envelope, place_of
from windlass.domain.authenticity.record_keys import RecordKeys
from windlass.effects.store import AuthenticatedStore, MemoryStore
from windlass.errors import IntegrityError

SAMPLES = samples()
KEYS = master_keys()
ONE = next(one for one in SAMPLES if one.kind == "roll")


@pytest.fixture(scope="module")
def store() -> AuthenticatedStore:
    """The store as a release left it: of each kind the sample of the newest format."""
    bucket = MemoryStore()
    for one in SAMPLES:
        bucket.put(one.key, one.data)
    return AuthenticatedStore.by(bucket, KEYS)


def test_there_is_a_sample_of_every_format_that_is_read() -> None:
    read = {
        (name, number)
        for name, kind in KINDS.items()
        if (kind.has_envelope or name == "bundles") and name not in OF_BEFORE
        for number in range(kind.oldest, kind.format + 1)
    }
    assert {(one.kind, one.format) for one in SAMPLES} == read, "`python -m world.golden` writes those that are missing"


def test_it_is_told_of_every_kind_how_it_is_read() -> None:
    signed = {name for name, kind in KINDS.items() if kind.proof is not Proof.NONE}
    assert set(WRITTEN_AGAIN) | READ_ONLY | OF_BEFORE == signed


@pytest.mark.parametrize("one", SAMPLES, ids=lambda one: f"{one.kind}.{one.format}")
def test_what_a_release_wrote_is_read_and_is_what_would_be_written_now(store: AuthenticatedStore, one: Sample) -> None:
    stored = store.get(one.key)
    assert stored is not None
    if one.kind in WRITTEN_AGAIN:
        again = WRITTEN_AGAIN[one.kind](Reading(one.key, stored.data, store, KEYS))
        if one.format == KINDS[one.kind].format:
            assert again == stored.data, "what is written has changed: raise `format` of this kind in KINDS"


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """An object of a release after this one, which writes its kind in another format."""
    place = place_of(ONE.key)
    assert place is not None
    with monkeypatch.context() as later:
        later.setitem(KINDS, ONE.kind, replace(KINDS[ONE.kind], format=KINDS[ONE.kind].format + 1))
        return Authenticated.at(place, "one", 7, b"{}").to_bytes(place, RecordKeys.of(KEYS))


def test_what_a_newer_release_wrote_is_refused_with_what_to_do(newer: bytes) -> None:
    place = place_of(ONE.key)
    assert place is not None
    with pytest.raises(IntegrityError, match=r"format 2, and this Windlass reads 1: a newer .* bring this process"):
        open_envelope(newer, place, RecordKeys.of(KEYS), None)


def test_a_format_that_is_no_longer_read_is_refused_with_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    place = place_of(ONE.key)
    assert place is not None
    monkeypatch.setitem(KINDS, ONE.kind, replace(KINDS[ONE.kind], format=3, oldest=2))
    with pytest.raises(IntegrityError, match=r"format 1, .* reads 2 to 3: an older .* a release between"):
        open_envelope(ONE.data, place, RecordKeys.of(KEYS), None)


def test_a_newer_release_reads_both_its_own_format_and_the_one_before(
    newer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = place_of(ONE.key)
    assert place is not None
    monkeypatch.setitem(KINDS, ONE.kind, replace(KINDS[ONE.kind], format=2))
    for data in (newer, ONE.data):
        assert open_envelope(data, place, RecordKeys.of(KEYS), None).kind == ONE.kind


def test_what_was_refused_is_left_as_it_is(newer: bytes) -> None:
    bucket = MemoryStore()
    for one in SAMPLES:
        bucket.put(one.key, newer if one is ONE else one.data)
    store = AuthenticatedStore.by(bucket, KEYS)
    with pytest.raises(IntegrityError, match="a newer Windlass wrote it"):
        store.get(ONE.key)
    stored = bucket.get(ONE.key)
    assert stored is not None
    assert stored.data == newer
