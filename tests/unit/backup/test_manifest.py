from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.backup.examples import BUNDLE, TAKEN, manifest, new_keys
from windlass.domain.backup import BundleId, parse_manifest
from windlass.domain.sealing import MasterKeys, new_master_key, sign
from windlass.errors import IntegrityError

KEYS = new_keys()


def parse(data: bytes, keys: MasterKeys = KEYS, cluster: str = "demo", bundle: BundleId = BUNDLE) -> Any:
    return parse_manifest(data, keys, cluster, bundle)


def test_a_manifest_is_read_back() -> None:
    assert parse(manifest().to_bytes(KEYS)) == manifest()


def test_any_of_the_master_keys_verifies_it() -> None:
    old = new_master_key().reveal()
    signed = manifest().to_bytes(MasterKeys.parse(old))
    assert parse(signed, new_keys(old)) == manifest()


def test_a_key_that_did_not_sign_it_is_told() -> None:
    with pytest.raises(IntegrityError, match=r"demo: bundle 20261123T074500Z-r1042: manifest.json: the signature"):
        parse(manifest().to_bytes(new_keys()))


@given(st.data())
def test_any_changed_byte_is_refused_or_changes_nothing(data: st.DataObject) -> None:
    signed = bytearray(manifest().to_bytes(KEYS))
    place = data.draw(st.integers(0, len(signed) - 1))
    signed[place] ^= data.draw(st.integers(1, 255))
    with suppress(IntegrityError):
        assert parse(bytes(signed)) == manifest()  # white space, for one


@given(st.integers(0, 1000))
def test_a_manifest_that_is_cut_off_is_refused(length: int) -> None:
    signed = manifest().to_bytes(KEYS)
    with pytest.raises(IntegrityError, match="damaged or cut off"):
        parse(signed[: length % len(signed)])


def test_a_manifest_of_another_place_is_refused() -> None:
    signed = manifest().to_bytes(KEYS)
    with pytest.raises(IntegrityError, match="belongs to demo's bundle"):
        parse(signed, cluster="other")
    with pytest.raises(IntegrityError, match="belongs to demo's bundle"):
        parse(signed, bundle=BundleId.of(TAKEN, 7))


def signed_document(**changed: Any) -> bytes:
    document = {**manifest().model_dump(mode="json"), **changed}
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    return json.dumps({"manifest": document, "signature": sign(canonical, KEYS)}).encode()


def test_what_a_later_version_adds_is_passed_over() -> None:
    assert parse(signed_document(deltas=[1, 2])) == manifest()


def test_a_later_format_is_refused() -> None:
    with pytest.raises(IntegrityError, match="use a newer one"):
        parse(signed_document(format=2))


def test_a_form_that_is_not_known_is_refused_with_its_place() -> None:
    with pytest.raises(IntegrityError, match=r"content: .*use another bundle"):
        parse(signed_document(content=None))
    with pytest.raises(IntegrityError, match=r"does not name state.sealed"):
        parse(
            signed_document(parts={"snapshot.sealed": manifest().model_dump(mode="json")["parts"]["snapshot.sealed"]})
        )
