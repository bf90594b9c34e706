"""Signed documents: JSON in clear, with a signature by the master key that holds for one place of the store alone."""

from __future__ import annotations

import json
from typing import Any

from windlass.domain.bounded import read_from
from windlass.domain.sealing import MasterKeys, check_signature, sign

_ADVICE = "put an earlier version of this object back, or delete it and accept anew what it said"


def signed(document: Any, place: str, keys: MasterKeys) -> bytes:
    """Return `document` with a signature; it is read back at `place`, its key in the store, and nowhere else."""
    return json.dumps({"document": document, "signature": sign(_bound(document, place), keys)}, indent=1).encode()


def verified(data: bytes, place: str, keys: MasterKeys) -> Any:
    """Return the document in what `signed` made for `place`; IntegrityError if it is anything else."""
    with read_from(f"{place} in the store", _ADVICE):
        whole = json.loads(data)
        document, signature = whole["document"], str(whole["signature"])
        bound = _bound(document, place)
    check_signature(bound, signature, keys, f"{place} in the store")
    return document


def _bound(document: Any, place: str) -> bytes:
    """Return what is signed: no other kind of text that Windlass signs begins so."""
    return f"windlass signed document 1\n{place}\n{json.dumps(document, sort_keys=True)}".encode()
