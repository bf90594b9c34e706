"""A spec comes to name a connection that says nothing of clusters only where all clusters are one team's."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import pytest

from windlass.domain.spec import Cluster
from windlass.domain.spec.connection_scope import check_new_connections, connections_of
from windlass.errors import RefusedError

Make = Callable[[dict[str, Any]], Cluster]
ROLES = {"spec.access.roles": {"team:payments": ["operate"]}}
OTHER = {"spec.hosts.ssh.connection": "theirs"}


def none_says_anything(conn_ids: Collection[str]) -> Collection[str]:
    return conn_ids


def check(cluster: Cluster, stored: Cluster | None = None, *others: Cluster, are_teams: bool = False) -> None:
    check_new_connections(cluster, stored, others, none_says_anything, are_teams=are_teams)


def test_clusters_of_one_team_name_what_they_like(changed: Make) -> None:
    check(changed({}), None, changed(OTHER))


@pytest.mark.parametrize("own", [True, False])
def test_once_a_cluster_says_who_may_do_what_a_connection_must_say_for_whom_it_is(changed: Make, *, own: bool) -> None:
    silent, telling = changed({}), changed(ROLES)
    mine, theirs = (telling, silent) if own else (silent, telling)
    with pytest.raises(RefusedError, match=r"connection `windlass_ssh` says of no cluster.*who may do what") as caught:
        check(mine, None, theirs)
    assert f'{{"windlass_clusters": ["{mine.name}"]}}' in str(caught.value)


def test_dropping_ones_own_roles_gives_nothing(changed: Make) -> None:
    stored = changed(ROLES)
    with pytest.raises(RefusedError, match="theirs"):
        check(changed({"spec.access.roles": {}, **OTHER}), stored)


def test_where_airflow_has_teams_it_is_the_same(changed: Make) -> None:
    with pytest.raises(RefusedError, match="this Airflow has teams"):
        check(changed({}), are_teams=True)


def test_a_running_cluster_keeps_what_it_names(changed: Make) -> None:
    stored = changed({})
    check(changed(ROLES), stored, changed(ROLES), are_teams=True)


def test_a_connection_that_says_for_whom_it_is_is_judged_by_that_where_it_is_used(changed: Make) -> None:
    check_new_connections(changed(ROLES), None, (), lambda _: (), are_teams=True)


def test_every_login_counts_that_of_a_provider_by_default_too(changed: Make) -> None:
    cluster = changed(
        {
            "spec.hosts.provider": "ec2",
            "spec.hosts.ssh.bastion": {"address": "192.0.2.9", "connection": "jump"},
            "spec.pki.ca": {"etcd": "authority"},
            "spec.backup.target": {"connection": "vault", "bucket": "bundles"},
        }
    )
    assert connections_of(cluster) == {"windlass_ssh", "jump", "aws_default", "authority", "vault"}


def test_the_login_of_one_host_counts_and_that_of_its_bastion(changed: Make) -> None:
    own = {"connection": "rack2", "bastion": {"address": "192.0.2.9", "connection": "jump2"}}
    cluster = changed({"spec.hosts.members.0.ssh": own})
    assert connections_of(cluster) == {"windlass_ssh", "rack2", "jump2"}
