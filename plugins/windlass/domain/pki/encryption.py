"""The API server's configuration for the encryption of Secrets at rest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import yaml

from windlass.domain.pki.rotation_state import EncryptionKey
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


def configuration_hash(configuration: Secret) -> str:
    """Return the hash by which an API server tells, in its metrics, which configuration it has loaded.

    It is a label of apiserver_encryption_config_controller_last_config_info
    (https://kubernetes.io/docs/reference/instrumentation/metrics/).
    """
    return f"sha256:{hashlib.sha256(configuration.reveal_bytes()).hexdigest()}"
