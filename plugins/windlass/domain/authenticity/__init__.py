"""What proves that an object of the store is the one that Windlass wrote there last."""

from windlass.domain.authenticity.envelope import Authenticated, open_envelope, read_unverified
from windlass.domain.authenticity.host_marks import KnownStore, sealed_in
from windlass.domain.authenticity.kinds import KINDS, Newest, Proof
from windlass.domain.authenticity.ledger import Ledger
from windlass.domain.authenticity.place import Place, is_of_before, kind_of, place_of
from windlass.domain.authenticity.record_keys import (
    READING_KEY_CONNECTION,
    RECORD_KEY_CONNECTION,
    RecordKey,
    RecordKeys,
)

__all__ = [
    "KINDS",
    "READING_KEY_CONNECTION",
    "RECORD_KEY_CONNECTION",
    "Authenticated",
    "KnownStore",
    "Ledger",
    "Newest",
    "Place",
    "Proof",
    "RecordKey",
    "RecordKeys",
    "is_of_before",
    "kind_of",
    "open_envelope",
    "place_of",
    "read_unverified",
    "sealed_in",
]
