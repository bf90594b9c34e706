"""When a change of authorities and keys may go on, and what the gate says of it."""

from __future__ import annotations

import base64
import itertools
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.pki.conftest import NOW, make_cluster
from windlass.domain.host.drift import HostDrift
from windlass.domain.host.file_drift import FileDrift
from windlass.domain.pki import Phase, Pki, Rotated, issue_pki
from windlass.domain.pki.certificates import new_key, private_pem
from windlass.domain.pki.rotation import advance, next_turn, prepare
from windlass.domain.rollout.gate import GateLevel
from windlass.domain.rollout.rotation import (
    TOKENS_RENEWED,
    held_back,
    not_everywhere,
    old_pods,
    read_turn,
    rotation_finding,
    turn_value,
)
from windlass.operations.rollout.rotation import key_id, token_key_id

HOSTS = ("cp-1", "w-1")
CHANGED = HostDrift(certificates=(FileDrift("/etc/windlass/pki/ca.crt", "is another"),))
ORDER = ("none", Phase.PREPARED, Phase.TRUST, Phase.REISSUE)


@pytest.fixture(scope="module")
def pki() -> Pki:
    return issue_pki(make_cluster(), NOW)


def test_a_phase_is_everywhere_only_if_every_host_says_so() -> None:
    clean = dict.fromkeys(HOSTS, HostDrift())
    assert not_everywhere(HOSTS, clean, {}, ()) == ()
    assert not_everywhere(HOSTS, {"cp-1": HostDrift()}, {}, ()) == ("w-1: does not answer",)
    assert not_everywhere(HOSTS, clean, {"w-1": "w-1: held"}, ()) == ("w-1: held",)
    assert not_everywhere(HOSTS, clean, {}, ("Secret (all that are stored)",)) == ("Secret (all that are stored)",)
    assert not_everywhere(HOSTS, {**clean, "w-1": CHANGED}, {}, ()) == ("w-1: /etc/windlass/pki/ca.crt",)
    assert not_everywhere(HOSTS, {**clean, "w-1": HostDrift(has_no_certificates=True)}, {}, ())


def test_a_mode_that_somebody_changed_holds_nothing_up() -> None:
    opened = HostDrift(certificates=(FileDrift("/etc/windlass/pki/ca.crt", access=("mode 0666 -> 0644",)),))
    assert not_everywhere(HOSTS, dict.fromkeys(HOSTS, opened), {}, ()) == ()


@given(st.lists(st.sampled_from(["write cp-1", "write w-1", "go on", "lose w-1", "find w-1"]), max_size=40))
def test_no_order_of_writes_losses_and_kills_ever_parts_hosts_by_more_than_a_phase(acts: list[str]) -> None:
    """Whatever is broken off and begun again: the hosts' phases are the stored one or the one before it."""
    stored, hosts, away = 0, dict.fromkeys(HOSTS, 0), set[str]()
    for act in acts:
        verb, _, name = act.partition(" ")
        if verb == "write" and name not in away:
            hosts[name] = stored
        elif verb == "lose":
            away.add(name)
        elif verb == "find":
            away.discard(name)
        elif verb == "go":
            drifts = {one: HostDrift() if hosts[one] == stored else CHANGED for one in HOSTS if one not in away}
            stored += not not_everywhere(HOSTS, drifts, {}, ())
        assert {stored - phase for phase in hosts.values()} <= {0, 1}


@given(st.lists(st.booleans(), max_size=12))
def test_no_turn_skips_a_phase_however_often_it_is_taken(again: list[bool]) -> None:
    pki = prepare(BASE, [Rotated.ENCRYPTION], "demo", NOW)
    seen, turn = [phase_of(pki)], next_turn(pki, NOW)
    for is_same in again:
        turn = turn if is_same else next_turn(pki, NOW)
        pki = advance(pki, turn, NOW)
        seen.append(phase_of(pki))
    steps = {(one, other) for one, other in itertools.pairwise(seen) if one != other}
    assert steps <= {(Phase.PREPARED, Phase.TRUST), (Phase.TRUST, Phase.REISSUE), (Phase.REISSUE, None)}


BASE = issue_pki(make_cluster(), NOW)


def phase_of(pki: Pki) -> Phase | None:
    rotation = pki.rotations.get(Rotated.ENCRYPTION)
    return rotation.phase if rotation else None


def signing(pki: Pki) -> Pki:
    prepared = prepare(pki, [Rotated.SERVICE_ACCOUNT], "demo", NOW)
    return replace(
        prepared,
        rotations={Rotated.SERVICE_ACCOUNT: replace(prepared.rotations[Rotated.SERVICE_ACCOUNT], phase=Phase.REISSUE)},
    )


def test_an_old_key_of_tokens_is_kept_until_pods_have_new_ones(pki: Pki) -> None:
    since = {"cp-1": NOW, "cp-2": NOW + timedelta(minutes=10)}
    later = NOW + timedelta(minutes=10) + TOKENS_RENEWED
    (why,) = held_back(signing(pki), since, (), later - timedelta(seconds=1)).values()
    assert "until 2026-11-23 09:20Z" in why
    assert held_back(signing(pki), since, (), later) == {}
    assert held_back(signing(pki), {**since, "cp-3": None}, (), later)
    assert held_back(pki, since, (), NOW) == {}


def test_secrets_with_tokens_of_the_old_key_are_named(pki: Pki) -> None:
    (why,) = held_back(signing(pki), {}, ("ci/robot",), NOW).values()
    assert "ci/robot" in why


def test_the_key_of_a_stored_token_is_told_by_its_header() -> None:
    key = private_pem(new_key())
    header = base64.urlsafe_b64encode(json.dumps({"alg": "ES256", "kid": key_id(key)}).encode()).rstrip(b"=")
    stored = base64.b64encode(header + b".claims.signature").decode()
    assert token_key_id(stored) == key_id(key)
    assert token_key_id("no token") is None


def pod(name: str, started: str, **annotations: str) -> dict[str, object]:
    volume = {"projected": {"sources": [{"serviceAccountToken": {}}, {"configMap": {"name": "kube-root-ca.crt"}}]}}
    metadata = {"namespace": "default", "name": name, "annotations": annotations}
    return {"metadata": metadata, "spec": {"volumes": [volume]}, "status": {"phase": "Running", "startTime": started}}


def test_pods_that_read_the_authority_before_the_next_was_published_are_named() -> None:
    unmounted = {**pod("none", "2026-11-01T00:00:00Z"), "spec": {}}
    done = {**pod("done", "2026-11-01T00:00:00Z"), "status": {"phase": "Succeeded"}}
    ours = pod("dns", "2026-11-01T00:00:00Z", **{"io.windlass/authority": "x"})
    late = pod("late", "2026-11-23T08:02:00Z")
    early = pod("early", "2026-11-23T08:01:59Z")
    assert old_pods([unmounted, done, ours, late, early], NOW) == ("default/early",)


def test_the_gate_says_what_begins_or_why_not() -> None:
    turn = {Rotated.ETCD_CA: Phase.TRUST, Rotated.LEAVES: Phase.DROP}
    assert read_turn(turn_value(turn)) == turn
    begins = rotation_finding(turn, (), {})
    assert begins.verdict is GateLevel.PASSED
    assert "etcd-ca: trust, every host comes to accept the old and the new one" in begins.text
    assert "leaves: all certificates are issued again" in begins.text
    waits = rotation_finding({}, ("w-1: does not answer",), {})
    assert waits.verdict is GateLevel.WARNING
    assert "w-1: does not answer" in waits.text
