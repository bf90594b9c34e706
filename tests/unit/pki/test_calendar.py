"""What `windlass certificates` says of a PKI: everything with its end, and no key."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from unit.pki.test_rotation import phases_of
from windlass.domain.pki import Pki, Rotated, secrets
from windlass.domain.pki.calendar import calendar
from windlass.domain.spec import Cluster
from windlass.operations.commands.inspecting import listed


def test_everything_that_ends_is_listed_and_what_ends_first_comes_first(pki: Pki) -> None:
    entries = [one for one in calendar(pki) if one.not_after is not None]
    assert {one.name for one in entries} == {*pki.leaves, "ca/kubernetes", "ca/etcd", "ca/front-proxy"}
    ends = [one.not_after for one in entries]
    assert ends == sorted(ends, key=str)


def test_each_says_who_issued_it_how_many_days_are_left_and_where_it_lies(pki: Pki, now: datetime) -> None:
    found = {one.name: one.value(now) for one in calendar(pki)}
    assert found["cp-1/etcd-peer"] == {
        "name": "cp-1/etcd-peer",
        "subject": "CN=cp-1",
        "issuer": "CN=demo-etcd-ca",
        "notAfter": (now + timedelta(days=90)).isoformat(),
        "daysLeft": 90,
        "used": "cp-1: /etc/windlass/pki/etcd/peer.crt",
        "state": "in use",
    }
    assert found["super-admin"]["used"] == "Windlass alone; never on a host"
    assert found["service-account"]["daysLeft"] is None


def test_what_has_ended_has_days_below_zero(pki: Pki, now: datetime) -> None:
    (entry,) = [one for one in calendar(pki) if one.name == "w-1/kubelet"]
    assert entry.days_left(now + timedelta(days=93)) == -3


def test_only_what_ends_soon_is_listed_if_that_is_asked_for(pki: Pki, now: datetime) -> None:
    told = json.loads(listed(pki, now, within=100, as_json=True))
    assert {one["name"] for one in told["certificates"]} == set(pki.leaves)


def test_both_authorities_and_keys_are_listed_while_they_change(cluster: Cluster, pki: Pki, now: datetime) -> None:
    _, prepared, trust, *_ = phases_of(cluster, pki, list(Rotated), now)
    states = [one.state for one in calendar(prepared) if one.name == "ca/etcd"]
    assert sorted(states) == ["in use", "prepared: nothing uses it"]
    assert "etcd-ca is being changed: phase trust since 2026-11-23 08:00Z" in listed(trust, now)
    assert json.loads(listed(trust, now, as_json=True))["rotations"]["encryption"]["phase"] == "trust"


def test_no_key_is_told(cluster: Cluster, pki: Pki, now: datetime) -> None:
    for one in phases_of(cluster, pki, list(Rotated), now):
        for text in (listed(one, now), listed(one, now, as_json=True)):
            assert not [secret for secret in secrets(one) if secret in text]
