"""Which of Airflow's secrets the spec of a cluster may have: who writes specs does not get at all of Airflow.

A reference gives away what it refers to, since whoever writes a spec is root on its hosts. So a secret is for specs
only if whoever keeps it has said so: a Variable by its name, a connection by its extra.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from windlass.errors import RefusedError

PREFIX = "windlass_secret"
"""Variables called `windlass_secret_NAME` are for the specs of all clusters, `windlass_secret.CLUSTER.NAME` for one."""
SECRETS = "windlass_secrets"
"""The extra of a connection: patterns of the names of clusters whose specs may have its contents."""


def wrong_variable(name: str, cluster: str) -> tuple[str, str] | None:
    """Return why the spec of `cluster` may not have a Variable, and what would be right; None if it may."""
    if name.startswith((f"{PREFIX}_", f"{PREFIX}.{cluster}.")) and not leads_elsewhere(name):
        return None
    return (
        f"the Variable `{name}` is not for this spec",
        f"a spec has Variables called `{PREFIX}_NAME`, and of its own `{PREFIX}.{cluster}.NAME`",
    )


def leads_elsewhere(name: str) -> bool:
    """Tell whether a name has steps of a path in it that lead out of where it begins.

    A secrets backend may make a path of a name, and its HTTP client takes `a/../b` for `b` (RFC 3986, 5.2.4).
    """
    return any(step in {"", ".", ".."} for step in name.split("/")) if "/" in name else False


def check_contents(conn_id: str, clusters: Any, cluster: str) -> None:
    """RefusedError unless a connection gives its contents to the spec of `cluster`; `clusters` is its extra."""
    listed = [one for one in clusters if isinstance(one, str)] if isinstance(clusters, list) else []
    if not any(fnmatchcase(cluster, pattern) for pattern in listed):
        raise RefusedError(
            f"connection `{conn_id}` gives its contents to no spec of the cluster `{cluster}`; refer to another one, "
            f'or have whoever keeps the connections add to its extra: {{"{SECRETS}": ["{cluster}"]}}'
        )
