"""What lets people in, in the store: sealed by a key of its own; how often each gets in is bounded."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.people.samples import ACCESS, NOW
from windlass.domain.people import TooManyCredentialsError, admit
from windlass.domain.people.issue_limit import MOST, WINDOW
from windlass.domain.sealing import MasterKey, MasterKeys, new_master_key
from windlass.effects.store import ClusterRecords, MemoryStore
from windlass.effects.store.keys import people_key
from windlass.effects.store.people import PeopleRecords
from windlass.errors import IntegrityError

MASTER = MasterKeys.parse(new_master_key().reveal())
KEYS = MASTER.for_people()


def test_the_key_of_people_opens_what_lets_them_in_and_not_what_the_master_key_sealed() -> None:
    store = MemoryStore()
    assert PeopleRecords(store, "demo").publish(ACCESS, KEYS)
    assert PeopleRecords(store, "demo").access(KEYS) == ACCESS
    with pytest.raises(IntegrityError):
        PeopleRecords(store, "demo").access(MASTER)
    # What an API server is given, as it is given it.
    given_alone = MasterKeys.parse(KEYS.keys[0].key.reveal())
    assert PeopleRecords(store, "demo").access(given_alone) == ACCESS
    derived: set[bytes] = {key.wrapping_key for key in (*MASTER.keys, *KEYS.keys)}
    assert len(derived) == 2


def test_one_cluster_s_cannot_be_put_in_another_s_place() -> None:
    store = MemoryStore()
    PeopleRecords(store, "demo").publish(ACCESS, KEYS)
    stored = store.get(people_key("demo"))
    assert stored is not None
    store.put(people_key("prod"), stored.data)
    with pytest.raises(IntegrityError, match="another place"):
        PeopleRecords(store, "prod").access(KEYS)


def test_it_is_written_where_it_changed_and_goes_where_nobody_is_let_in() -> None:
    store = MemoryStore()
    records = PeopleRecords(store, "demo")
    assert records.publish(ACCESS, KEYS)
    assert not records.publish(ACCESS, KEYS)
    assert records.publish(replace(ACCESS, minutes=5), KEYS)
    assert records.publish(None, KEYS)
    assert records.access(KEYS) is None
    assert not records.publish(None, KEYS)


def test_a_new_master_key_seals_it_anew_and_the_old_one_still_opens_what_it_sealed() -> None:
    store = MemoryStore()
    PeopleRecords(store, "demo").publish(ACCESS, KEYS)
    both = MasterKeys((MasterKey(new_master_key()), *MASTER.keys)).for_people()
    assert PeopleRecords(store, "demo").access(both) == ACCESS
    assert PeopleRecords(store, "demo").publish(ACCESS, both)
    with pytest.raises(IntegrityError):
        PeopleRecords(store, "demo").access(KEYS)


def test_it_goes_with_its_cluster() -> None:
    store = MemoryStore()
    PeopleRecords(store, "demo").publish(ACCESS, KEYS)
    PeopleRecords(store, "demo").count("airflow:ada", NOW)
    ClusterRecords(store, "demo").forget(keep_backups=True)
    assert not list(store.list(""))


def test_each_person_has_a_limit_of_their_own_in_each_cluster() -> None:
    store = MemoryStore()
    for _ in range(MOST):
        PeopleRecords(store, "demo").count("airflow:ada", NOW)
    with pytest.raises(TooManyCredentialsError, match="wait 600 s"):
        PeopleRecords(store, "demo").count("airflow:ada", NOW)
    PeopleRecords(store, "demo").count("airflow:eve", NOW)
    PeopleRecords(store, "prod").count("airflow:ada", NOW)
    PeopleRecords(store, "demo").count("airflow:ada", NOW + WINDOW)


@pytest.mark.parametrize("damage", [b"{", b"[1]", b'["2026-11-29"]', b"\xff"])
def test_a_count_that_was_tampered_with_lets_nobody_in(damage: bytes) -> None:
    store = MemoryStore()
    PeopleRecords(store, "demo").count("airflow:ada", NOW)
    (item,) = store.list("")
    store.put(item.key, damage)
    with pytest.raises(IntegrityError, match="delete it"):
        PeopleRecords(store, "demo").count("airflow:ada", NOW)


@given(st.lists(st.integers(min_value=-100, max_value=2000), max_size=60))
def test_nobody_gets_more_within_any_window_than_the_limit(seconds: list[int]) -> None:
    times: tuple[datetime, ...] = ()
    admitted: list[datetime] = []
    for second in sorted(seconds):
        now = NOW + timedelta(seconds=second)
        try:
            times = admit(times, now)
        except TooManyCredentialsError as error:
            wait = error.wait
        else:
            wait = None
        if wait is not None:
            assert timedelta() < wait <= WINDOW
            assert admit(times, now + wait)
        else:
            admitted.append(now)
        assert len([one for one in admitted if now - one < WINDOW]) <= MOST
        assert len(times) <= MOST
