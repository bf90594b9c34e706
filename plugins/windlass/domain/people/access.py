"""What signs for people has to know of one cluster, as one value that is only stored sealed.

It is made where the whole PKI is known, and sealed under the key of people: whoever signs needs neither the master key
nor the stored spec, which others may have written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from windlass.domain.pki import Credential, KubeconfigContext, Pki, Signer, trust_bundle, user_contexts
from windlass.domain.secret import Secret
from windlass.domain.spec import Cluster
from windlass.errors import MALFORMED, IntegrityError

PEOPLE_KEY_CONNECTION = "windlass_people_key"
"""The Airflow connection whose password holds the keys of people, for API servers that get no master key."""
_FORMAT = 1


@dataclass(frozen=True)
class PeopleAccess:
    """How people get into one cluster."""

    cluster: str
    authority: Credential
    """Signs people's certificates, and nothing else."""
    server_authority: str
    """PEM; by which people know the API servers."""
    contexts: tuple[KubeconfigContext, ...]
    """Where the API servers are, the one to prefer first."""
    groups: Mapping[str, tuple[str, ...]]
    """`spec.access.groups`."""
    minutes: int
    """How long a certificate is good."""

    def to_bytes(self) -> bytes:
        """Return it as JSON with the authority's key in clear: for sealing, nothing else."""
        document = {
            "format": _FORMAT,
            "cluster": self.cluster,
            "authority": {"certificate": self.authority.certificate, "key": self.authority.key.reveal()},
            "serverAuthority": self.server_authority,
            "contexts": [{"name": one.name, "server": one.server} for one in self.contexts],
            "groups": {key: list(groups) for key, groups in self.groups.items()},
            "minutes": self.minutes,
        }
        return json.dumps(document, sort_keys=True, indent=1).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> PeopleAccess:
        """Read what `to_bytes` wrote; IntegrityError (that quotes nothing of it) if it is not of that form."""
        try:
            return _read(json.loads(data))
        except MALFORMED as error:
            reason = type(error).__name__
        # Raised outside of the handler: the cause of a JSON error holds the text, and with it the key.
        raise IntegrityError(f"what lets people in is not readable ({reason}); apply the cluster's spec again")


def people_access(cluster: Cluster, pki: Pki) -> PeopleAccess | None:
    """Return how people get into `cluster`; None if its spec lets nobody in."""
    authority, section = pki.authorities.get(Signer.PEOPLE), cluster.spec.access
    if authority is None or not section.groups:
        return None
    return PeopleAccess(
        cluster=cluster.name,
        authority=authority,
        server_authority=trust_bundle(pki, Signer.KUBERNETES),
        contexts=user_contexts(cluster),
        groups=dict(section.groups),
        minutes=section.credential_minutes,
    )


def _read(document: Mapping[str, Any]) -> PeopleAccess:
    if document["format"] != _FORMAT:
        raise ValueError("unknown format")
    authority = document["authority"]
    return PeopleAccess(
        cluster=str(document["cluster"]),
        authority=Credential(str(authority["certificate"]), Secret(str(authority["key"]))),
        server_authority=str(document["serverAuthority"]),
        contexts=tuple(KubeconfigContext(str(one["name"]), str(one["server"])) for one in document["contexts"]),
        groups={str(key): tuple(map(str, groups)) for key, groups in document["groups"].items()},
        minutes=int(document["minutes"]),
    )
