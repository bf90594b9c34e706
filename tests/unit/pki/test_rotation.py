"""How authorities and keys change: what each phase makes of the PKI, and what a host accepts in it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import yaml
from cryptography import x509

from unit.pki.conftest import make_cluster
from windlass.domain.host.desired import READ_ONCE
from windlass.domain.host.layout import CLIENT_CA, CONTROLLER_MANAGER_PKI, SCHEDULER_PKI
from windlass.domain.people import people_access
from windlass.domain.pki import (
    Phase,
    Pki,
    Rotated,
    Signer,
    encryption_configuration,
    files_for,
    issue_pki,
    new_authority,
    secrets,
    trust_bundle,
)
from windlass.domain.pki.calendar import calendar
from windlass.domain.pki.certificates import public_pem
from windlass.domain.pki.issuance import is_signed_by
from windlass.domain.pki.rotation import advance, next_turn, prepare
from windlass.domain.pki.subjects import desired_leaves
from windlass.domain.pki.trust import CA_OF, pods_trust, token_keys
from windlass.domain.pki.user_ca import refuse_other_authorities
from windlass.domain.recovery.identity import is_of_one_cluster
from windlass.domain.spec import Cluster
from windlass.errors import IntegrityError, RefusedError

HOUR = timedelta(hours=1)
PHASES = (Phase.PREPARED, Phase.TRUST, Phase.REISSUE, Phase.DROP)


def phases_of(cluster: Cluster, pki: Pki, what: Iterable[Rotated], now: datetime) -> list[Pki]:
    """Return the PKI as it is, prepared, and in each phase after that until the change is over."""
    found = [pki, prepare(pki, tuple(what), cluster.name, now)]
    while found[-1].rotations:
        found.append(issue_pki(cluster, now, advance(found[-1], next_turn(found[-1], now), now)))
    return found


def accepts(server: Pki, client: Pki, cluster: Cluster) -> bool:
    """Say whether whoever has the bundles of one PKI accepts every leaf of the other."""
    return all(
        any(
            is_signed_by(client.leaves[name].parse(), issuer)
            for issuer in x509.load_pem_x509_certificates(trust_bundle(server, leaf.signer).encode())
        )
        for name, leaf in desired_leaves(cluster).items()
    )


@pytest.mark.parametrize("what", CA_OF, ids=lambda one: one.value)
def test_hosts_of_neighbouring_phases_accept_each_other(
    cluster: Cluster, pki: Pki, now: datetime, what: Rotated
) -> None:
    for one, other in itertools.pairwise(phases_of(cluster, pki, [what], now)):
        assert accepts(one, other, cluster)
        assert accepts(other, one, cluster)


def test_a_phase_that_is_skipped_would_part_hosts(cluster: Cluster, pki: Pki, now: datetime) -> None:
    _, prepared, trust, reissue, drop = phases_of(cluster, pki, CA_OF, now)
    assert not accepts(prepared, reissue, cluster)
    assert not accepts(drop, trust, cluster)


def test_bundles_change_with_trust_alone_and_leaves_with_their_issuer_alone(
    cluster: Cluster, pki: Pki, now: datetime
) -> None:
    first, prepared, trust, reissue, drop = phases_of(cluster, pki, CA_OF, now)
    assert first.leaves == prepared.leaves == trust.leaves
    assert reissue.leaves == drop.leaves
    assert not set(map(str, trust.leaves.values())) & set(map(str, reissue.leaves.values()))
    for signer in CA_OF.values():
        assert trust_bundle(first, signer) == trust_bundle(prepared, signer) == first.authorities[signer].certificate
        assert trust_bundle(trust, signer) == trust_bundle(reissue, signer)
        assert trust_bundle(drop, signer) == reissue.authorities[signer].certificate


def test_what_was_prepared_is_on_no_host(cluster: Cluster, pki: Pki, now: datetime) -> None:
    prepared = prepare(pki, list(Rotated), cluster.name, now)
    for host in cluster.spec.hosts.members:
        assert files_for(cluster, host, prepared) == files_for(cluster, host, pki)


def test_a_new_authority_has_another_name_than_the_old_one(cluster: Cluster, pki: Pki, now: datetime) -> None:
    *_, last = phases_of(cluster, pki, CA_OF, now)
    for signer in CA_OF.values():
        assert last.authorities[signer].parse().subject != pki.authorities[signer].parse().subject


def test_tokens_are_verified_with_both_keys_while_either_may_have_signed(
    cluster: Cluster, pki: Pki, now: datetime
) -> None:
    first, prepared, trust, reissue, drop = phases_of(cluster, pki, [Rotated.SERVICE_ACCOUNT], now)
    old, new = public_pem(first.service_account_key), public_pem(drop.service_account_key)
    assert old != new
    assert (token_keys(first), token_keys(prepared)) == (old, old)
    assert sorted([old, new]) == sorted(token_keys(trust).replace("-----\n-----", "-----\n\0-----").split("\0"))
    assert token_keys(reissue) == token_keys(trust)
    assert (trust.service_account_key, reissue.service_account_key) == (old_key(first), drop.service_account_key)
    assert token_keys(drop) == new


def old_key(pki: Pki) -> object:
    return pki.service_account_key


def test_a_new_key_of_secrets_decrypts_everywhere_before_it_encrypts(cluster: Cluster, pki: Pki, now: datetime) -> None:
    first, prepared, trust, reissue, drop = phases_of(cluster, pki, [Rotated.ENCRYPTION], now + HOUR)
    old, new = first.encryption_keys[0], drop.encryption_keys[0]
    assert first.encryption_keys == prepared.encryption_keys == (old,)
    assert trust.encryption_keys == (old, new)
    assert reissue.encryption_keys == (new, old)
    assert drop.encryption_keys == (new,)
    (resource,) = yaml.safe_load(encryption_configuration(reissue.encryption_keys, encrypt=True).reveal())["resources"]
    assert [one["name"] for one in resource["providers"][0]["secretbox"]["keys"]] == [new.name, old.name]


def test_keys_of_one_second_have_two_names(cluster: Cluster, pki: Pki, now: datetime) -> None:
    trust = phases_of(cluster, pki, [Rotated.ENCRYPTION], now)[2]
    assert len({key.name for key in trust.encryption_keys}) == 2


def test_leaves_are_all_issued_again_at_once(cluster: Cluster, pki: Pki, now: datetime) -> None:
    first, _, renewed = phases_of(cluster, pki, [Rotated.LEAVES], now)
    assert renewed.authorities == first.authorities
    assert all(renewed.leaves[name] != leaf for name, leaf in first.leaves.items())
    assert not renewed.rotations


def test_a_turn_that_was_taken_changes_nothing_when_it_is_taken_again(
    cluster: Cluster, pki: Pki, now: datetime
) -> None:
    prepared = prepare(pki, list(Rotated), cluster.name, now)
    turn = next_turn(prepared, now)
    once = advance(prepared, turn, now)
    assert advance(once, turn, now + HOUR) == once


def test_what_is_held_stays_while_the_others_go_on(cluster: Cluster, pki: Pki, now: datetime) -> None:
    prepared = prepare(pki, [Rotated.SERVICE_ACCOUNT, Rotated.ETCD_CA], cluster.name, now)
    after = advance(prepared, next_turn(prepared, now, {Rotated.SERVICE_ACCOUNT}), now)
    assert after.rotations[Rotated.SERVICE_ACCOUNT].phase is Phase.PREPARED
    assert after.rotations[Rotated.ETCD_CA].phase is Phase.TRUST


def test_a_change_under_way_is_not_begun_again(cluster: Cluster, pki: Pki, now: datetime) -> None:
    trust = phases_of(cluster, pki, [Rotated.ETCD_CA], now)[2]
    assert prepare(trust, [Rotated.ETCD_CA], cluster.name, now + HOUR) == trust


def test_every_phase_is_read_back_as_it_was_stored(cluster: Cluster, pki: Pki, now: datetime) -> None:
    for one in phases_of(cluster, pki, list(Rotated), now):
        assert Pki.from_bytes(one.to_bytes()) == one


def test_a_pki_that_was_never_rotated_is_stored_as_before(pki: Pki) -> None:
    assert b'"format": 1' in pki.to_bytes()
    assert b"rotations" not in pki.to_bytes()


def test_a_rotation_that_cannot_be_read_is_refused_without_its_keys(cluster: Cluster, pki: Pki, now: datetime) -> None:
    trust = phases_of(cluster, pki, [Rotated.ETCD_CA], now)[2]
    broken = trust.to_bytes().replace(b'"phase": "trust"', b'"phase": "later"')
    with pytest.raises(IntegrityError) as caught:
        Pki.from_bytes(broken)
    assert "PRIVATE KEY" not in str(caught.value)


def test_the_keys_of_a_rotation_are_secrets_too(cluster: Cluster, pki: Pki, now: datetime) -> None:
    prepared = prepare(pki, list(Rotated), cluster.name, now)
    known = secrets(prepared)
    for rotation in prepared.rotations.values():
        if rotation.other is not None:
            key = rotation.other.key if not hasattr(rotation.other, "reveal") else rotation.other
            assert key.reveal() in known
    assert "PRIVATE KEY" not in repr(prepared)


def test_pods_have_to_read_the_authority_again_whenever_what_counts_changes(
    cluster: Cluster, pki: Pki, now: datetime
) -> None:
    first, prepared, trust, reissue, drop = phases_of(cluster, pki, [Rotated.KUBERNETES_CA], now)
    assert (pods_trust(first), pods_trust(prepared)) == ("", "")
    assert pods_trust(trust) == pods_trust(reissue) != ""
    assert pods_trust(drop) not in {"", pods_trust(trust)}


def test_an_authority_of_the_users_own_becomes_the_next_one(cluster: Cluster, pki: Pki, now: datetime) -> None:
    theirs = {Signer.ETCD: new_authority("theirs", now)}
    with pytest.raises(RefusedError, match="rotate_certificates"):
        refuse_other_authorities(theirs, pki)
    prepared = prepare(pki, [Rotated.ETCD_CA], cluster.name, now, theirs)
    for one in phases_from(cluster, prepared, now):
        refuse_other_authorities(theirs, one)
    assert one.authorities[Signer.ETCD] == theirs[Signer.ETCD]


def phases_from(cluster: Cluster, prepared: Pki, now: datetime) -> list[Pki]:
    found = [prepared]
    while found[-1].rotations:
        found.append(issue_pki(cluster, now, advance(found[-1], next_turn(found[-1], now), now), {}))
    return found


def test_an_authority_of_the_users_own_that_is_in_use_is_not_changed_to_itself(
    cluster: Cluster, pki: Pki, now: datetime
) -> None:
    with pytest.raises(RefusedError, match="the one that the cluster runs with"):
        prepare(pki, [Rotated.ETCD_CA], cluster.name, now, {Signer.ETCD: pki.authorities[Signer.ETCD]})


def test_the_cluster_of_a_rotated_service_account_key_is_the_same_cluster(
    cluster: Cluster, pki: Pki, now: datetime
) -> None:
    *_, last = phases_of(cluster, pki, [Rotated.SERVICE_ACCOUNT], now)
    assert is_of_one_cluster(last, pki)
    assert is_of_one_cluster(pki, last)
    assert not is_of_one_cluster(replace(last, former=()), pki)


def test_a_rotation_begins_with_authorities_that_have_ended(cluster: Cluster, pki: Pki, now: datetime) -> None:
    later = now + timedelta(days=4000)
    with pytest.raises(RefusedError, match="rotate the authority first"):
        issue_pki(cluster, later, pki)
    *_, last = phases_of(cluster, pki, CA_OF, later)
    assert all(leaf.parse().not_valid_after_utc > later for leaf in last.leaves.values())
    assert accepts(last, last, cluster)


def test_whatever_reads_authorities_and_keys_once_reads_files_that_hosts_have(cluster: Cluster, pki: Pki) -> None:
    laid = {path for host in cluster.spec.hosts.members for path in files_for(cluster, host, pki)}
    assert {path for paths in READ_ONCE.values() for path in paths} <= laid


def test_controllers_and_people_meet_both_authorities_while_one_is_changed(now: datetime) -> None:
    open_to_people = make_cluster(access={"groups": {"Admin": ["windlass:cluster-admin"]}})
    control = next(host for host in open_to_people.spec.hosts.members if "control-plane" in host.roles)
    first, _, trust, reissue, drop = phases_of(open_to_people, issue_pki(open_to_people, now), CA_OF, now)
    people = first.authorities[Signer.PEOPLE].certificate
    for one in (first, trust, reissue, drop):
        files = {path: file.content.decode() for path, file in files_for(open_to_people, control, one).items()}
        assert files[CLIENT_CA] == trust_bundle(one, Signer.KUBERNETES) + people
        for own in (CONTROLLER_MANAGER_PKI, SCHEDULER_PKI):
            assert files[f"{own}/ca.crt"] == trust_bundle(one, Signer.KUBERNETES)
            assert files[f"{own}/front-proxy-ca.crt"] == trust_bundle(one, Signer.FRONT_PROXY)
        access = people_access(open_to_people, one)
        assert access is not None
        assert access.server_authority == trust_bundle(one, Signer.KUBERNETES)


def test_the_controller_manager_signs_tokens_with_the_key_of_the_present_phase(
    cluster: Cluster, pki: Pki, now: datetime
) -> None:
    control = next(host for host in cluster.spec.hosts.members if "control-plane" in host.roles)
    for one in phases_of(cluster, pki, [Rotated.SERVICE_ACCOUNT], now):
        files = files_for(cluster, control, one)
        assert files[f"{CONTROLLER_MANAGER_PKI}/service-account.key"].content == one.service_account_key.reveal_bytes()


def test_the_calendar_tells_of_the_authority_of_people(now: datetime) -> None:
    open_to_people = make_cluster(access={"groups": {"Admin": ["windlass:cluster-admin"]}})
    assert "ca/people" in {one.name for one in calendar(issue_pki(open_to_people, now))}
