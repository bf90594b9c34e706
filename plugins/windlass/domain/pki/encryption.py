"""The API server's configuration for the encryption of Secrets at rest."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from windlass.domain.pki.model import EncryptionKey
from windlass.domain.secret import Secret


def encryption_configuration(keys: Sequence[EncryptionKey], *, encrypt: bool) -> Secret:
    """Return an EncryptionConfiguration with `secretbox` (XSalsa20-Poly1305) and the reading of clear text.

    Without `encrypt` new Secrets are written in clear, but those written before are still read, so that the setting
    can change in a running cluster.
    """
    secretbox = {"secretbox": {"keys": [{"name": key.name, "secret": key.key.reveal()} for key in keys]}}
    identity: dict[str, object] = {"identity": {}}
    providers = [secretbox, identity] if encrypt else [identity, secretbox]
    document = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [{"resources": ["secrets"], "providers": providers}],
    }
    return Secret(yaml.safe_dump(document, sort_keys=False))
