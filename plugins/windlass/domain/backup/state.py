"""What a bundle holds besides the snapshot: all that a cluster is rebuilt from on new hosts, as one value."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from windlass.domain.pki import Pki, encryption_configuration
from windlass.domain.secret import Secret
from windlass.errors import MALFORMED, IntegrityError

_FORMAT = 1


@dataclass(frozen=True)
class BundleState:
    """The PKI with the keys of Secrets at rest, the spec, the stacks as they lay on the hosts, and what they ran."""

    pki: Pki
    spec: str
    """The cluster spec as YAML."""
    encrypts_secrets: bool
    images: Mapping[str, str]
    """Digest by name of each image of the release."""
    stacks: Mapping[str, Mapping[str, bytes]] = field(repr=False)
    """By host, then by absolute path; hosts that did not answer are missing."""

    @property
    def encryption_config(self) -> Secret:
        """The API server's configuration for Secrets at rest."""
        return encryption_configuration(self.pki.encryption_keys, encrypt=self.encrypts_secrets)

    def to_bytes(self) -> bytes:
        """Return the state as JSON with all keys in clear: for sealing, nothing else."""
        stacks = {
            host: {path: base64.b64encode(content).decode() for path, content in files.items()}
            for host, files in self.stacks.items()
        }
        document = {
            "format": _FORMAT,
            "pki": json.loads(self.pki.to_bytes()),
            "encryptionConfig": self.encryption_config.reveal(),
            "encryptsSecrets": self.encrypts_secrets,
            "spec": self.spec,
            "images": dict(self.images),
            "stacks": stacks,
        }
        return json.dumps(document, sort_keys=True, indent=1).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> BundleState:
        """Read what `to_bytes` wrote; IntegrityError (that quotes nothing of it) if it is not of that form."""
        try:
            document = json.loads(data)
            if document["format"] != _FORMAT:
                raise ValueError("unknown format")
            return cls(
                pki=Pki.from_bytes(json.dumps(document["pki"]).encode()),
                spec=str(document["spec"]),
                encrypts_secrets=bool(document["encryptsSecrets"]),
                images=dict(document["images"]),
                stacks={
                    host: {path: base64.b64decode(content) for path, content in files.items()}
                    for host, files in document["stacks"].items()
                },
            )
        except MALFORMED as error:
            reason = type(error).__name__
        # Raised outside of the handler: the cause of a JSON error holds the text, and with it the keys.
        raise IntegrityError(f"the state in the bundle is not readable ({reason}); use another bundle")
