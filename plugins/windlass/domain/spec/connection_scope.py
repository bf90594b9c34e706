"""Which clusters may use an Airflow connection that their spec names."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from windlass.domain.authenticity import READING_KEY_CONNECTION, RECORD_KEY_CONNECTION
from windlass.domain.people import PEOPLE_KEY_CONNECTION
from windlass.domain.sealing import MASTER_KEY_CONNECTION
from windlass.domain.spec.secret_scope import leads_elsewhere
from windlass.errors import RefusedError, SpecError

CLUSTERS = "windlass_clusters"
"""The extra of a connection: a list of patterns of cluster names, such as `["prod-*", "demo"]`; `*` is any part."""
EVERY, LISTED = "every", "listed"
"""What a connection without the extra is for: every cluster, or none, so that each has to be listed."""
_KEYS = (MASTER_KEY_CONNECTION, RECORD_KEY_CONNECTION, READING_KEY_CONNECTION, PEOPLE_KEY_CONNECTION)
"""As a login on a host that a spec names, their passwords would be sent there."""


def check_scope(conn_id: str, clusters: Any, cluster: str, unlisted: str = EVERY) -> None:
    """Refuse a connection that is not for `cluster`; `clusters` is its extra, None where it has none.

    `unlisted` says what one without the extra is for. RefusedError if another cluster's it is; SpecError if the extra
    is no list of names, since then nobody can tell whose it is.
    """
    if leads_elsewhere(conn_id):
        raise RefusedError(
            f"`{conn_id}` is no name of a connection: it has steps of a path in it; write its plain name"
        )
    if conn_id.lower() in _KEYS:  # in whatever case it is written, AIRFLOW_CONN_… is the same
        raise RefusedError(f"connection `{conn_id}` is a key to what all clusters have, and is no spec's to name")
    if clusters is None:
        if unlisted == EVERY:
            return
        raise RefusedError(
            f"connection `{conn_id}` says of no cluster that it may use it, and this Airflow wants each to say so; add "
            f'the cluster to its extra: {{"{CLUSTERS}": ["{cluster}"]}}'
        )
    if not isinstance(clusters, list) or not all(isinstance(one, str) for one in clusters):
        raise SpecError(
            f"connection `{conn_id}`: its extra `{CLUSTERS}` is no list of names; write it so: "
            f'{{"{CLUSTERS}": ["{cluster}", "prod-*"]}}'
        )
    if not any(fnmatchcase(cluster, pattern) for pattern in clusters):
        raise RefusedError(
            f"connection `{conn_id}` is not for the cluster `{cluster}`: its extra `{CLUSTERS}` names others; name "
            "another connection in the spec, or have whoever keeps the connections add the cluster there"
        )
