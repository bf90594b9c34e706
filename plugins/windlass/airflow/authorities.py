"""The user's own certificate authorities, from the Airflow connections that a spec names."""

from __future__ import annotations

from windlass.airflow.connections import cluster_connection
from windlass.domain.pki import Credential, Signer
from windlass.domain.pki.user_ca import references
from windlass.domain.secret import Secret
from windlass.domain.spec import Cluster
from windlass.errors import SpecError


def user_authorities(cluster: Cluster) -> dict[Signer, Credential]:
    """Return the authorities that the spec refers to; empty if Windlass makes all of them.

    A connection of any type has the certificate as `certificate` in its extra and the unencrypted key as its password,
    both PEM. SpecError names the connection that is missing or incomplete.
    """
    return {signer: _authority(name, cluster.name) for signer, name in references(cluster).items()}


def _authority(conn_id: str, cluster: str) -> Credential:
    connection = cluster_connection(conn_id, cluster)
    certificate = connection.extra_dejson.get("certificate")
    if not isinstance(certificate, str) or not connection.password:
        raise SpecError(
            f"connection `{conn_id}` holds no authority; put its certificate (PEM) into the extra as `certificate`, "
            "and its unencrypted private key (PEM) into the password"
        )
    return Credential(certificate, Secret(connection.password))
