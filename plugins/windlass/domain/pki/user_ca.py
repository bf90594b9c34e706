"""The user's own authorities: which of the three are given, and that a running cluster keeps those it has."""

from __future__ import annotations

from collections.abc import Mapping

from cryptography import x509

from windlass.domain.pki.certificates import Credential
from windlass.domain.pki.model import Pki
from windlass.domain.pki.subjects import Signer
from windlass.domain.pki.trust import CA_OF
from windlass.domain.spec import Cluster
from windlass.errors import RefusedError
from windlass.operation_names import Operation


def references(cluster: Cluster) -> dict[Signer, str]:
    """Return the connections that the spec names, by the authority that each holds."""
    ca = cluster.spec.pki.ca
    if ca is None:
        return {}
    named = {Signer.KUBERNETES: ca.kubernetes, Signer.ETCD: ca.etcd, Signer.FRONT_PROXY: ca.front_proxy}
    return {signer: name for signer, name in named.items() if name is not None}


def refuse_other_authorities(given: Mapping[Signer, Credential], existing: Pki | None) -> None:
    """RefusedError if an authority that is given is neither the running cluster's nor one that it is changed to.

    Everything that trusts the old one would fall at once; it is changed in steps.
    """
    if existing is None:
        return
    for signer, authority in given.items():
        if authority.parse() not in _known(existing, signer):
            raise RefusedError(
                f"spec.pki.ca: the given {signer.value} authority is not the one that the cluster runs with, and an "
                f"apply never changes it; change it in steps: trigger `{Operation.ROTATE}` with what: "
                f"{signer.value}-ca, or take it out of the spec"
            )


def _known(pki: Pki, signer: Signer) -> list[x509.Certificate]:
    others = [rotation.other for what, rotation in pki.rotations.items() if CA_OF.get(what) is signer]
    return [one.parse() for one in (pki.authorities[signer], *others) if isinstance(one, Credential)]
