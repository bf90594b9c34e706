"""What every store does, in memory or on S3; subclass and give the fixture `store`, empty for each case."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest

from windlass.domain.lease import Owner
from windlass.effects.store import Leases, Store
from windlass.errors import RefusedError

WRITERS = 16


class StoreContract:
    """The cases."""

    rounds = 5

    def test_what_is_not_there_reads_as_none(self, store: Store) -> None:
        assert store.get("a/missing") is None
        with store.open("a/missing") as stream:
            assert stream is None

    def test_what_was_put_is_read(self, store: Store) -> None:
        tag = store.put("a/key", b"one")
        stored = store.get("a/key")
        assert stored is not None
        assert (stored.data, stored.tag) == (b"one", tag)
        store.put("a/key", b"two")
        with store.open("a/key") as stream:
            assert stream is not None
            assert stream.read() == b"two"

    def test_creates_only_what_is_not_there(self, store: Store) -> None:
        tag = store.create("a/key", b"one")
        assert store.create("a/key", b"two") is None
        stored = store.get("a/key")
        assert stored is not None
        assert (stored.data, stored.tag) == (b"one", tag)

    def test_replaces_only_what_is_as_it_was_read(self, store: Store) -> None:
        first = store.put("a/key", b"one")
        second = store.replace("a/key", b"two", first)
        assert second is not None
        assert store.replace("a/key", b"three", first) is None
        assert store.replace("a/key", b"three", second) is not None
        assert store.replace("a/missing", b"x", first) is None
        stored = store.get("a/key")
        assert stored is not None
        assert stored.data == b"three"

    def test_deleting_twice_is_no_error(self, store: Store) -> None:
        store.put("a/key", b"one")
        store.delete("a/key")
        store.delete("a/key")
        assert store.get("a/key") is None
        assert store.create("a/key", b"again") is not None

    def test_lists_below_a_prefix_sorted(self, store: Store) -> None:
        for key in ("b/2", "b/1", "b/deep/3", "c/4"):
            store.put(key, key.encode())
        listed = list(store.list("b/"))
        assert [(item.key, item.size) for item in listed] == [("b/1", 3), ("b/2", 3), ("b/deep/3", 8)]
        assert all(item.modified <= datetime.now(UTC) for item in listed)
        tags = [stored.tag for item in listed if (stored := store.get(item.key)) is not None]
        assert [item.tag for item in listed] == tags
        assert store.list_names("b/") == ("1", "2", "deep/")
        assert store.list_names("nothing/") == ()

    @pytest.mark.parametrize("size", [0, 1, 16 * 1024 * 1024, 40_000_001])
    def test_a_stream_of_any_size_is_stored_once(self, store: Store, size: int) -> None:
        content = (b"0123456789" * (size // 10 + 1))[:size]
        assert store.create_from("a/stream", io.BytesIO(content))
        assert not store.create_from("a/stream", io.BytesIO(b"other" * (size // 5 + 1)))
        with store.open("a/stream") as stream:
            assert stream is not None
            parts = []
            while part := stream.read(1024 * 1024):
                parts.append(part)
        assert b"".join(parts) == content

    def test_a_source_that_breaks_leaves_nothing(self, store: Store) -> None:
        class Broken(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                if part := super().read(size):
                    return part
                raise OSError("the source broke")

        with pytest.raises(OSError, match="the source broke"):
            store.create_from("a/stream", Broken(bytes(20_000_000)))
        assert store.get("a/stream") is None

    def test_of_racing_creators_exactly_one_wins(self, store: Store) -> None:
        for number in range(self.rounds):
            start = Barrier(WRITERS)

            def create(writer: int, key: str = f"race/{number}", start: Barrier = start) -> bool:
                start.wait()
                return store.create(key, f"writer {writer}".encode()) is not None

            assert sum(self.race(create)) == 1

    def test_of_racing_replacers_exactly_one_wins(self, store: Store) -> None:
        for number in range(self.rounds):
            tag = store.put("race/swap", f"round {number}".encode())
            start = Barrier(WRITERS)

            def swap(writer: int, tag: str = tag, start: Barrier = start, number: int = number) -> bool:
                start.wait()
                return store.replace("race/swap", f"writer {writer} of {number}".encode(), tag) is not None

            assert sum(self.race(swap)) == 1

    def test_of_racing_runs_exactly_one_gets_the_lease(self, store: Store) -> None:
        leases = Leases(store, lambda _: False, lambda: datetime.now(UTC))
        for _ in range(self.rounds):
            start = Barrier(WRITERS)

            def acquire(writer: int, start: Barrier = start) -> bool:
                start.wait()
                try:
                    leases.acquire("demo", Owner("create_cluster", f"run-{writer}"), "create")
                except RefusedError:
                    return False
                return True

            assert sum(self.race(acquire)) == 1
            holder = leases.current("demo")
            assert holder is not None
            assert leases.release("demo", holder.owner)

    @staticmethod
    def race(act: object) -> list[bool]:
        assert callable(act)
        with ThreadPoolExecutor(WRITERS) as pool:
            return list(pool.map(act, range(WRITERS)))
