"""A server that does not write on conditions is refused before anything relies on it."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from windlass.domain.authenticity import RecordKeys
from windlass.domain.sealing import MasterKeys, new_master_key
from windlass.effects.store.conditions import check_conditions
from windlass.effects.store.failures import translated
from windlass.effects.store.installation import installation_of
from windlass.effects.store.memory import MemoryStore
from windlass.errors import RefusedError


class IgnoresIfNoneMatch(MemoryStore):
    def create(self, key: str, data: bytes) -> str | None:
        return self.put(key, data)


class IgnoresIfMatch(MemoryStore):
    def replace(self, key: str, data: bytes, tag: str) -> str | None:
        return self.put(key, data)


class ForgetsItsTags(MemoryStore):
    def replace(self, key: str, data: bytes, tag: str) -> str | None:
        return None


def test_a_server_that_keeps_conditions_passes_and_the_object_stays_as_it_is() -> None:
    store = MemoryStore()
    check_conditions(store, "a")
    store.put("a", b"one")
    check_conditions(store, "a")
    found = store.get("a")
    assert found is not None
    assert found.data == b"one"
    assert [one.key for one in store.list("")] == ["a"]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (IgnoresIfNoneMatch, "ignores If-None-Match"),
        (IgnoresIfMatch, "ignores If-Match"),
        (ForgetsItsTags, "knows its own ETag no more"),
    ],
)
def test_one_that_does_not_is_named_and_no_store_is_set_up_there(kind: type[MemoryStore], told: str) -> None:
    store, keys = kind(), RecordKeys.of(MasterKeys.parse(new_master_key().reveal()))
    with pytest.raises(RefusedError, match=rf"{told}.*two runs could hold one lease.*docs/store\.md"):
        installation_of(store, keys, 1)
    assert list(store.list("")) == []


@pytest.mark.parametrize(("code", "status"), [("NotImplemented", 501), ("501", 501), ("NotImplemented", 400)])
def test_one_that_says_that_it_cannot_is_not_taken_for_one_that_failed(code: str, status: int) -> None:
    answer = {"Error": {"Code": code, "Message": "A header"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with (
        pytest.raises(RefusedError, match=r"cannot do this .*If-None-Match"),
        translated("store b at https://s3", "creating a"),
    ):
        raise ClientError(answer, "PutObject")  # type: ignore[arg-type]  # as far as it is read
