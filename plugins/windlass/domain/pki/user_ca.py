"""The user's own authorities: which of the three are given, and that a running cluster keeps those it has."""

from __future__ import annotations

from collections.abc import Mapping

from windlass.domain.pki.certificates import Credential
from windlass.domain.pki.model import Pki
from windlass.domain.pki.subjects import Signer
from windlass.domain.spec import Cluster
from windlass.errors import RefusedError


def references(cluster: Cluster) -> dict[Signer, str]:
    """Return the connections that the spec names, by the authority that each holds."""
    ca = cluster.spec.pki.ca
    if ca is None:
        return {}
    named = {Signer.KUBERNETES: ca.kubernetes, Signer.ETCD: ca.etcd, Signer.FRONT_PROXY: ca.front_proxy}
    return {signer: name for signer, name in named.items() if name is not None}


def refuse_other_authorities(given: Mapping[Signer, Credential], existing: Pki | None) -> None:
    """RefusedError if an authority that is given is another than the running cluster's.

    Everything that trusts the old one would fall at once; to change it in steps is an operation of its own.
    """
    if existing is None:
        return
    for signer, authority in given.items():
        if authority.parse() != existing.authorities[signer].parse():
            raise RefusedError(
                f"spec.pki.ca: the given {signer.value} authority is not the one that the cluster runs with, and an "
                "apply never changes it; take it out of the spec (changing it in steps, `rotate_certificates`, is "
                "planned, not there yet)"
            )
