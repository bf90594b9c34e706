"""The manifest of a recovery bundle: what is in it, to the byte, signed so that it cannot be swapped or forged.

It is clear text, so that a person can read what a bundle holds without a key; its HMAC-SHA256 is by a key derived from
the master key, and any of the master keys verifies it. Its presence is what makes a bundle: all else is written before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from windlass.domain.backup.ids import BundleId
from windlass.domain.bounded import shown
from windlass.domain.sealing import MasterKeys, check_signature, sign
from windlass.errors import MALFORMED, IntegrityError

FORMAT = 1
MANIFEST = "manifest.json"
SNAPSHOT = "snapshot.sealed"
STATE = "state.sealed"
PARTS = (SNAPSHOT, STATE)


class _Record(BaseModel):
    """Frozen, nothing converted silently; what a later version adds is passed over."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class Part(_Record):
    """One object of a bundle: as it is stored, and as it is once unsealed and expanded."""

    sealed_bytes: int = Field(ge=0)
    sealed_sha256: str
    clear_bytes: int = Field(ge=0)
    clear_sha256: str
    compression: Literal["none", "zlib"]


class MemberRecord(_Record):
    """One etcd member as it was when the bundle was taken."""

    name: str
    id: str
    """In hex, as etcd's own tools show it."""
    peer_urls: tuple[str, ...]
    is_learner: bool


class EtcdRecord(_Record):
    """The etcd cluster that the snapshot is of."""

    cluster_id: str
    """In hex."""
    version: str
    members: tuple[MemberRecord, ...]
    source: str
    """The host whose member gave the snapshot."""
    source_is_leader: bool


class Content(_Record):
    """What the snapshot holds, computed from its bytes."""

    revision: int = Field(ge=1)
    compact_revision: int = Field(ge=0)
    entries: int = Field(ge=0)
    """Versions of keys in the database, deletions too."""
    hash: int = Field(ge=0)
    """What HashKV at the revision says of a member that was restored from it without a bump."""
    keys: int = Field(ge=0)
    """Living keys at the revision, as the member counted them."""


class BundleManifest(_Record):
    """All about one bundle."""

    format: Literal[1] = 1
    cluster: str
    id: str
    started: datetime
    finished: datetime
    """When the last part had been read back and checked."""
    by: str
    """The run that took it."""
    etcd: EtcdRecord
    content: Content
    kubernetes_version: str
    """The newest that may have written what is in it: during a rollout, of an API server that was changed already."""
    namespaces: Mapping[str, str]
    """UID by name at the revision."""
    nodes: Mapping[str, str]
    """UID by name at the revision."""
    images: Mapping[str, str]
    """Digest by name of each image of the release."""
    parts: Mapping[str, Part]

    @property
    def bundle(self) -> BundleId:
        """Return the bundle's id."""
        return BundleId.parse(self.id)

    def to_bytes(self, keys: MasterKeys) -> bytes:
        """Return the manifest as it is stored, signed by the first master key."""
        document = self.model_dump(mode="json")
        return json.dumps({"manifest": document, "signature": sign(_canonical(document), keys)}, indent=1).encode()


def parse_manifest(data: bytes, keys: MasterKeys, cluster: str, bundle: BundleId) -> BundleManifest:
    """Read what `to_bytes` wrote for this bundle; IntegrityError says why it is not to be trusted."""
    where = f"{cluster}: bundle {bundle}: {MANIFEST}"
    try:
        document = json.loads(data)
        body, signature = document["manifest"], document["signature"]
        made = body["format"]
    except MALFORMED as error:
        raise IntegrityError(f"{where}: it is damaged or cut off ({shown(error)}); use another bundle") from error
    check_signature(_canonical(body), str(signature), keys, where)
    if made != FORMAT:
        raise IntegrityError(f"{where}: it has the format {made}, and this Windlass knows {FORMAT}; use a newer one")
    try:
        manifest = BundleManifest.model_validate_json(_canonical(body))
    except ValidationError as error:
        problem = error.errors()[0]
        reason = f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
        raise IntegrityError(f"{where}: it is signed and yet not of its form: {reason}; use another bundle") from error
    _check_place(manifest, where, cluster, bundle)
    return manifest


def _check_place(manifest: BundleManifest, where: str, cluster: str, bundle: BundleId) -> None:
    if (manifest.cluster, manifest.id) != (cluster, str(bundle)):
        raise IntegrityError(f"{where}: it belongs to {manifest.cluster}'s bundle {manifest.id}; use another bundle")
    if missing := [name for name in PARTS if name not in manifest.parts]:
        raise IntegrityError(f"{where}: it does not name {', '.join(missing)}; use another bundle")


def _canonical(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
