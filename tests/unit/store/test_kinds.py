"""Of every kind of object of the store it is told what proves it, and by what an older one is noticed: and so it is."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from unit.store.stores import new_keys, objects_of, opened, put_back
from windlass.domain.authenticity import KINDS, Newest, Proof, kind_of, place_of
from windlass.domain.authenticity.place import CATALOG, CATALOG_CLUSTER, CLUSTERS, INSTALLATION, ledger_place
from windlass.effects.store import MemoryStore, keys
from windlass.errors import IntegrityError

ROOT = Path(__file__).resolve().parents[3]
ANYTHING = {
    "cluster": "demo",
    "version": "v1.37.2",
    "bundle": "b",
    "part": "manifest.json",
    "drill": "d",
    "mirror": "m",
    "number": 3,
}


def all_keys() -> Iterator[str]:
    """Yield a key of everything that `windlass.effects.store.keys` knows a place for."""
    yield INSTALLATION
    yield from (ledger_place(cluster).key for cluster in ("demo", CATALOG_CLUSTER))
    for name, make in inspect.getmembers(keys, inspect.isfunction):
        if name.startswith("_") or name == "cluster_prefix":
            continue
        key = make(*(ANYTHING[one] for one in inspect.signature(make).parameters))
        yield f"{key}one" if key.endswith("/") else key


KEYS = sorted(set(all_keys()))


def test_every_kind_of_the_store_has_an_entry_and_no_entry_is_without_a_kind() -> None:
    assert {kind_of(key) for key in KEYS} == set(KINDS)


def test_keys_are_made_in_one_place() -> None:
    """Or a kind could be missed above. What commands ask of the web are other paths."""
    pattern = re.compile(rf'f?"(?:{CLUSTERS}|{CATALOG})[^" ]')
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "plugins" / "windlass").rglob("*.py")
        if pattern.search(path.read_text()) and path.name not in {"keys.py", "place.py"} and path.parent.name != "cli"
    }
    assert found == set()


@pytest.mark.parametrize("key", KEYS)
def test_what_is_said_to_be_proven_is_refused_where_somebody_else_wrote_it(key: str) -> None:
    raw, masters = MemoryStore(), new_keys()
    store = opened(raw, masters)
    store.put(key, b"first")
    forged = objects_of(raw)[key].replace(b"first", b"other") + b"\n"
    raw.put(key, forged)
    if KINDS[kind_of(key)].has_envelope:
        with pytest.raises(IntegrityError, match=key):
            opened(raw, masters).get(key)
    else:
        assert place_of(key) is None
        stored = opened(raw, masters).get(key)
        assert stored is not None
        assert stored.data == forged


@pytest.mark.parametrize("key", KEYS)
def test_what_is_said_to_be_in_a_ledger_is_refused_where_it_was_put_back_or_deleted(key: str) -> None:
    raw, masters = MemoryStore(), new_keys()
    store = opened(raw, masters)
    store.put(key, b"first")
    before = objects_of(raw)[key]
    store.put(key, b"second")
    is_in_ledger = KINDS[kind_of(key)].newest in {Newest.LEDGER, Newest.LEDGER_AND_HOSTS}
    for change in (lambda: raw.put(key, before), lambda: raw.delete(key)):
        change()
        if is_in_ledger:
            with pytest.raises(IntegrityError, match=r"an older one was put back|it is gone"):
                opened(raw, masters).get(key)
        elif kind_of(key) != "installation":
            opened(raw, masters).get(key)


@pytest.mark.parametrize("key", [key for key in KEYS if KINDS[kind_of(key)].newest is Newest.ITS_TIME])
def test_what_is_said_to_be_known_by_its_time_is_refused_by_a_process_that_read_a_newer_one(key: str) -> None:
    raw, masters = MemoryStore(), new_keys()
    store = opened(raw, masters)
    store.put(key, b"first")
    before = objects_of(raw)
    store._newest[key] += 10 * 60 * 1000  # as if it had read one of ten minutes later
    put_back(raw, before)
    with pytest.raises(IntegrityError, match="an older one was put back"):
        store.get(key)


def test_what_is_sealed_is_not_there_to_be_read() -> None:
    for key in KEYS:
        raw = MemoryStore()
        opened(raw, new_keys()).put(key, b"in clear")
        is_sealed = KINDS[kind_of(key)].proof is Proof.SIGNED_AND_SEALED
        assert (b"in clear" not in objects_of(raw)[key]) is is_sealed


def test_the_page_has_the_same_table() -> None:
    page = (ROOT / "docs" / "store.md").read_text()
    rows = re.findall(r"^\| `([a-z_-]+)` \| (.+?) \| (.+?) \| (.+?) \|$", page, re.MULTILINE)
    assert rows == [(name, kind.what, kind.proof.value, kind.newest.value) for name, kind in KINDS.items()]
