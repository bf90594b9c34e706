"""What the hosts of a cluster accept: while something is changed, the old and the new one both; pure."""

from __future__ import annotations

import hashlib

from windlass.domain.pki.certificates import Credential, public_pem
from windlass.domain.pki.model import Pki
from windlass.domain.pki.rotation_state import Rotated
from windlass.domain.pki.subjects import Signer
from windlass.domain.secret import Secret

CA_OF = {
    Rotated.KUBERNETES_CA: Signer.KUBERNETES,
    Rotated.ETCD_CA: Signer.ETCD,
    Rotated.FRONT_PROXY_CA: Signer.FRONT_PROXY,
}
"""The authorities, as what can be changed."""
_ROTATED = {signer: rotated for rotated, signer in CA_OF.items()}


def trust_bundle(pki: Pki, signer: Signer) -> str:
    """Return the certificates (PEM) of the authorities whose signatures count for `signer`.

    Their order does not say which one issues, so that the file stays the same when that changes, and nothing that has
    read it starts again for that.
    """
    certificates = [pki.authorities[signer].certificate]
    rotation = pki.rotations.get(_ROTATED[signer]) if signer in _ROTATED else None
    if rotation is not None and rotation.trusts_both and isinstance(rotation.other, Credential):
        certificates.append(rotation.other.certificate)
    return "".join(f"{one.strip()}\n" for one in sorted(certificates)) if len(certificates) > 1 else certificates[0]


def token_keys(pki: Pki) -> str:
    """Return the public keys (PEM) with which API servers verify the tokens of service accounts."""
    keys = [public_pem(pki.service_account_key)]
    rotation = pki.rotations.get(Rotated.SERVICE_ACCOUNT)
    if rotation is not None and rotation.trusts_both and isinstance(rotation.other, Secret):
        keys.append(public_pem(rotation.other))
    return "".join(sorted(keys))


def pods_trust(pki: Pki) -> str:
    """Return a mark of what pods must have read of the cluster's authority; empty if that was never changed.

    Pods read it once, when they start (client-go's rest.InClusterConfig), so they must start again after it changed.
    """
    bundle = trust_bundle(pki, Signer.KUBERNETES)
    rotation = pki.rotations.get(Rotated.KUBERNETES_CA)
    was_changed = f"{Rotated.KUBERNETES_CA.value}" in {one.partition(":")[0] for one in pki.former}
    if not was_changed and (rotation is None or not rotation.trusts_both):
        return ""
    return hashlib.sha256(bundle.encode()).hexdigest()[:16]
