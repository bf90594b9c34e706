"""What lets people in follows the spec that is applied, and the keys that the cluster has."""

from __future__ import annotations

from typing import Any

from unit.cluster_run import FakeRun
from unit.pki.conftest import make_cluster
from windlass.domain.lease import Owner
from windlass.domain.people import PeopleAccess
from windlass.domain.pki import Signer
from windlass.effects.store.people import PeopleRecords
from windlass.operations.apply.certificates import ensure_pki


def published(run: Any) -> PeopleAccess | None:
    return PeopleRecords(run.store, "demo").access(run.keys.for_people())


def applied(run: Any, **access: Any) -> PeopleAccess | None:
    ensure_pki(run, make_cluster(access=access))
    return published(run)


def test_an_apply_lets_people_in_changes_who_they_are_and_shuts_them_out() -> None:
    run: Any = FakeRun(Owner("apply_cluster", "one"))
    assert applied(run) is None

    first = applied(run, groups={"Viewer": ["windlass:view"]})
    assert first is not None
    assert (first.groups, first.minutes) == ({"Viewer": ("windlass:view",)}, 60)
    assert first.contexts[0].server == "https://192.0.2.11:6443"

    second = applied(run, groups={"Viewer": ["windlass:edit"]}, credential_minutes=5)
    assert second is not None
    assert (second.groups, second.minutes) == ({"Viewer": ("windlass:edit",)}, 5)
    assert second.authority == first.authority

    assert applied(run) is None
    assert Signer.PEOPLE not in run.records.pki(run.keys).authorities


def test_what_lets_people_in_is_signed_with_what_the_hosts_are_told_to_trust() -> None:
    run: Any = FakeRun(Owner("apply_cluster", "one"))
    access = applied(run, groups={"Viewer": ["windlass:view"]})
    pki = run.records.pki(run.keys)
    assert access is not None
    assert access.authority == pki.authorities[Signer.PEOPLE]
    assert access.server_authority == pki.authorities[Signer.KUBERNETES].certificate
    assert applied(run, groups={"Viewer": ["windlass:view"]}) == access
