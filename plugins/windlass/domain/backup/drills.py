"""The record of a restore drill: what was compared, how long each step took, and whether the bundle is proven by it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict, ValidationError

from windlass.domain.backup.ids import BundleId
from windlass.domain.bounded import shown
from windlass.domain.sealing import MasterKeys, check_signature, sign
from windlass.errors import MALFORMED, IntegrityError

_TIME = "%Y%m%dT%H%M%SZ"


class Comparison(BaseModel):
    """One thing that was looked at in the restored cluster."""

    model_config = ConfigDict(frozen=True, strict=True)

    what: str
    expected: str
    found: str

    @property
    def is_equal(self) -> bool:
        """Tell whether it is as it was."""
        return self.expected == self.found


class DrillRecord(BaseModel):
    """One drill with one bundle."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    id: str
    cluster: str
    bundle: str
    host: str
    by: str
    started: datetime
    finished: datetime
    milliseconds: Mapping[str, int]
    """How long each step took, in the order of the steps."""
    comparisons: tuple[Comparison, ...]
    failure: str
    """Empty if nothing failed."""
    disproves: bool
    """Whether the failure lies in the bundle, rather than in the host it was tried on."""

    @property
    def is_proof(self) -> bool:
        """Tell whether the bundle is proven by this drill."""
        return not self.failure and bool(self.comparisons) and all(one.is_equal for one in self.comparisons)

    def to_bytes(self, keys: MasterKeys) -> bytes:
        """Return the record as it is stored, signed like a manifest."""
        document = self.model_dump(mode="json")
        return json.dumps({"drill": document, "signature": sign(_canonical(document), keys)}, indent=1).encode()


def drill_id(bundle: BundleId, time: datetime) -> str:
    """Return the id of a drill that begins at `time`; ids of a bundle's drills begin with the bundle's."""
    return f"{bundle}.{time:{_TIME}}"


def bundle_of_drill(text: str) -> BundleId | None:
    """Return the bundle that a drill's id (or the name of its record) is about; None if it is no such id."""
    return BundleId.find(text.partition(".")[0])


def parse_drill(data: bytes, keys: MasterKeys | None, cluster: str, drill: str) -> DrillRecord:
    """Read what `to_bytes` wrote of this drill; IntegrityError says why it is not to be trusted.

    Without `keys` the caller knows that it is authentic: the store that it was read from has checked it.
    """
    where = f"{cluster}: record of drill {drill}"
    try:
        document = json.loads(data)
        body, signature = document["drill"], document["signature"]
    except MALFORMED as error:
        raise IntegrityError(f"{where}: it is damaged or cut off ({shown(error)}); delete it") from error
    if keys is not None:
        check_signature(_canonical(body), str(signature), keys, where)
    try:
        record = DrillRecord.model_validate_json(_canonical(body))
    except ValidationError as error:
        raise IntegrityError(f"{where}: it is signed and yet not of its form: {error.errors()[0]['msg']}") from error
    _check_place(record, where, cluster, drill)
    return record


def _check_place(record: DrillRecord, where: str, cluster: str, drill: str) -> None:
    """IntegrityError if the record was put beside another bundle than the one that was tried, or in another cluster."""
    if (record.cluster, record.id) != (cluster, drill):
        raise IntegrityError(f"{where}: it is the record of {record.cluster}'s drill {record.id}; delete it")
    if str(bundle_of_drill(drill)) != record.bundle:
        raise IntegrityError(f"{where}: it is about the bundle {record.bundle}, and another one was tried; delete it")


def _canonical(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
