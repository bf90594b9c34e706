"""With which keys and which versions a cluster comes back."""

from __future__ import annotations

from dataclasses import replace

from windlass.domain.pki import Pki, Rotated
from windlass.domain.pki.certificates import public_pem
from windlass.domain.pki.model import fingerprint
from windlass.errors import RefusedError
from windlass.operation_names import Operation


def joined_pki(stored: Pki | None, bundled: Pki) -> Pki:
    """Return the PKI to go on with: the stored one, with the bundle's keys of Secrets at rest added behind its own.

    The hosts have the stored one's certificates; what the snapshot holds may be encrypted with keys that were rotated
    away since. Without a stored one it is the bundle's.
    """
    if stored is None:
        return bundled
    known = {key.key for key in stored.encryption_keys}
    names = {key.name for key in stored.encryption_keys}
    missing = tuple(
        replace(key, name=f"{key.name}-bundle") if key.name in names else key
        for key in bundled.encryption_keys
        if key.key not in known
    )
    return replace(stored, encryption_keys=(*stored.encryption_keys, *missing))


def is_of_one_cluster(one: Pki, other: Pki) -> bool:
    """Tell whether two PKIs are of one cluster at two times, and not of two that had the same name.

    The key of service accounts is made with a cluster; one that was rotated since is known by its fingerprint.
    Authorities may be the user's own, and serve many, and the keys of Secrets may have come from a bundle.
    """
    return bool(_service_accounts(one) & _service_accounts(other))


def _service_accounts(pki: Pki) -> set[str]:
    """Return the fingerprints of the keys of service accounts that a cluster has and had."""
    prefix = f"{Rotated.SERVICE_ACCOUNT.value}:"
    former = {one.removeprefix(prefix) for one in pki.former if one.startswith(prefix)}
    return {*former, fingerprint(public_pem(pki.service_account_key))}


def version_for(desired: str, bundled: str, *, restore: bool) -> str:
    """Return the Kubernetes version to recover with; RefusedError if the wanted one cannot read the bundle's data.

    With `restore` it is the bundle's. Else the spec's: API servers read what their own minor version or the one before
    wrote, and nothing that a later one did.
    """
    if restore or bundled == desired:
        return bundled
    have, need = _minor(bundled), _minor(desired)
    if have[0] != need[0] or not need[1] - 1 <= have[1] <= need[1]:
        raise RefusedError(
            f"the bundle is of Kubernetes {bundled}, and {desired} cannot be relied on to read it; "
            f"trigger {Operation.RECOVER} with `restore_versions`, which puts the bundle's versions back"
        )
    return desired


def _minor(version: str) -> tuple[int, int]:
    major, minor, _ = version.removeprefix("v").split(".", 2)
    return int(major), int(minor)
