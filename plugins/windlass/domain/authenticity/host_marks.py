"""What control-plane hosts keep of the store: its installation, and the generations of spec, PKI and catalog then.

Who can write to the bucket can put all of it back to what it was, ledgers too; the hosts remember. The marks are an
envelope of three lines before the host's sealed copy of the PKI.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field

from windlass.domain.authenticity.envelope import Authenticated, is_envelope, open_envelope
from windlass.domain.authenticity.ledger import PKI_KIND, Ledger, moment_of
from windlass.domain.authenticity.place import CATALOG_CLUSTER, Place, ledger_place, place_of
from windlass.domain.authenticity.record_keys import RecordKeys
from windlass.domain.bounded import read_from
from windlass.domain.host.layout import SEALED_PKI
from windlass.errors import MALFORMED, IntegrityError

_KINDS = ("spec", PKI_KIND)
_CATALOG = ledger_place(CATALOG_CLUSTER).key
_LINES = 3


@dataclass(frozen=True)
class KnownStore:
    """What the store says of itself and of one cluster."""

    installation: str
    cluster: str
    ledger: Ledger
    catalog: int
    """The generation of the catalog's ledger, which changes with each lock that is accepted; 0 if it has none."""
    keys: RecordKeys = field(repr=False)

    def host_copy(self, sealed_pki: bytes) -> bytes:
        """Return a host's copy of the sealed PKI; the same bytes as long as spec, PKI and catalog are."""
        places = {key: place_of(key) for key in self.ledger.living("")}
        given = [key for key, place in places.items() if place is not None and place.kind in _KINDS]
        marks = {key: self.ledger.generation(key) for key in given} | ({_CATALOG: self.catalog} if self.catalog else {})
        place, body = _place(self.cluster), json.dumps(marks, sort_keys=True).encode() + b"\n"
        made = Authenticated.at(place, self.installation, max(marks.values(), default=0), body)
        return made.to_bytes(place, self.keys) + sealed_pki

    def check(self, host: str, text: str) -> None:
        """IntegrityError if a host was given something newer than the store has, or by another installation.

        `text` is what its facts have of it. What is not signed says nothing: the host may be in other hands.
        """
        try:
            found = open_envelope(base64.b64decode(text), _place(self.cluster), self.keys, None)
        except (IntegrityError, *MALFORMED):
            return
        if found.installation != self.installation:
            raise IntegrityError(
                f"{host}: cluster `{self.cluster}` was set up from the installation {found.installation}, and this "
                f"store is {self.installation}: it was swapped; point `windlass_store` at the right one. If this store "
                f"took the place of the other on purpose, remove {SEALED_PKI} on the host"
            )
        with read_from(f"{host}: {SEALED_PKI}", "remove it"):
            given = {str(key): int(value) for key, value in json.loads(found.body).items()}
        for key, generation in given.items():
            self._check_known(host, key, generation)

    def _check_known(self, host: str, key: str, generation: int) -> None:
        known = self.catalog if key == _CATALOG else self.ledger.generation(key)
        if known >= generation:
            return
        last = f"the last that the store knows is of {moment_of(known)}" if known else "the store never had one"
        owner = ledger_place(CATALOG_CLUSTER if key == _CATALOG else self.cluster)
        told = "; a lock that was replaced may be among what is accepted" if key == _CATALOG else ""
        raise IntegrityError(
            f"{key} in the store: an older store was put back: {host} was given the one of {moment_of(generation)}, "
            f"and {last}{told}; put the last version of everything below {owner.folder} back; if it is meant so, "
            f"`{owner.accepting}`"
        )


def sealed_in(host_copy: bytes) -> bytes:
    """Return the sealed PKI in a host's copy; one of before has nothing else."""
    return host_copy.split(b"\n", _LINES)[-1] if is_envelope(host_copy) else host_copy


def _place(cluster: str) -> Place:
    return Place(cluster, "host-copy", SEALED_PKI)
