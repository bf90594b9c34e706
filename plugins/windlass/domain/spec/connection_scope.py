"""Which clusters may use an Airflow connection that their spec names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from fnmatch import fnmatchcase
from typing import Any

from windlass.domain.authenticity import READING_KEY_CONNECTION, RECORD_KEY_CONNECTION
from windlass.domain.people import PEOPLE_KEY_CONNECTION
from windlass.domain.sealing import MASTER_KEY_CONNECTION
from windlass.domain.spec.logins import login_of
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.secret_scope import leads_elsewhere
from windlass.errors import RefusedError, SpecError

CLUSTERS = "windlass_clusters"
"""The extra of a connection: a list of patterns of cluster names, such as `["prod-*", "demo"]`; `*` is any part."""
EVERY, ONE_TEAM, LISTED = "every", "one-team", "listed"
"""What a connection without the extra is for: every cluster; those that name it already, and others as long as all
clusters are one team's; or none, so that each has to be listed."""
DEFAULT_EC2_CONNECTION = "aws_default"
"""The login of the provider `ec2` where its spec names none."""
_KEYS = (MASTER_KEY_CONNECTION, RECORD_KEY_CONNECTION, READING_KEY_CONNECTION, PEOPLE_KEY_CONNECTION)
"""As a login on a host that a spec names, their passwords would be sent there."""


def check_scope(conn_id: str, clusters: Any, cluster: str, unlisted: str = ONE_TEAM) -> None:
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
        if unlisted != LISTED:
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


def connections_of(cluster: Cluster) -> frozenset[str]:
    """Return the ids of the connections by which a spec has logins; not those that it refers to for secrets."""
    hosts, target, ca = cluster.spec.hosts, cluster.spec.backup.target, cluster.spec.pki.ca
    logins = [login_of(cluster, host) for host in hosts.members]
    named = (
        hosts.ssh.connection,
        *(one.connection for one in logins),
        *(one.bastion.connection for one in logins if one.bastion),
        hosts.connection or (DEFAULT_EC2_CONNECTION if hosts.provider == "ec2" else None),
        target.connection if target else None,
        *((ca.kubernetes, ca.etcd, ca.front_proxy) if ca else ()),
    )
    return frozenset(one for one in named if one)


def check_new_connections(
    cluster: Cluster,
    stored: Cluster | None,
    others: Iterable[Cluster],
    unlisted: Callable[[Collection[str]], Collection[str]],
    *,
    are_teams: bool,
) -> None:
    """RefusedError where a spec comes to name a connection that says of no cluster that it may use it, among teams.

    Clusters are several teams' where `are_teams` says so, or as soon as the spec of any says who may do what. What the
    `stored` spec names is its own already. `unlisted` returns which connections say nothing.
    """
    known = frozenset() if stored is None else connections_of(stored)
    new = sorted(connections_of(cluster) - known)
    telling = [one.name for one in (cluster, *([stored] if stored else ()), *others) if one.spec.access.roles]
    if not new or not (telling or are_teams) or not (refused := sorted(unlisted(new))):
        return
    why = (
        f"the spec of `{telling[0]}` says who may do what"
        if telling
        else "this Airflow has teams, or a stored spec cannot be read"
    )
    raise RefusedError(
        f"{_told(refused)} of no cluster that it may use it, and clusters here are not all of the same people ({why}); "
        f'have whoever keeps the connections add to the extra of each: {{"{CLUSTERS}": ["{cluster.name}"]}}, with all '
        "other clusters that use it"
    )


def _told(refused: Collection[str]) -> str:
    names = ", ".join(f"`{one}`" for one in refused)
    return f"connection {names} says" if len(refused) == 1 else f"connections {names} say each"
