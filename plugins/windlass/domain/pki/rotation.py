"""Change the authorities and keys of a running cluster, one phase after another; pure but for the keys it makes.

A change goes through `Phase`: the new one is prepared; everybody comes to accept both; what is issued, signed and
encrypted is so with the new one; only the new one is accepted. Hosts are always at one of two neighbouring phases, and
in each such pair everybody accepts what everybody else shows. So the one rule is that none is skipped: a phase begins
only where the one before is on every host (`windlass.domain.rollout.rotation`).

The way is that of https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/ and, for Secrets at rest, of
https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/#rotating-a-decryption-key.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from windlass.domain.pki.certificates import Credential, new_authority, new_key, private_pem, public_pem
from windlass.domain.pki.issuance import authority_name, new_encryption_key
from windlass.domain.pki.model import Pki, fingerprint
from windlass.domain.pki.rotation_state import EncryptionKey, Material, Phase, Rotated, Rotation
from windlass.domain.pki.subjects import Signer
from windlass.domain.pki.trust import CA_OF
from windlass.domain.secret import Secret
from windlass.errors import RefusedError

Turn = Mapping[Rotated, Phase]
"""To which phase each change goes on."""
_NEXT = {Phase.PREPARED: Phase.TRUST, Phase.TRUST: Phase.REISSUE, Phase.REISSUE: Phase.DROP}


def prepare(
    pki: Pki, what: Collection[Rotated], cluster: str, now: datetime, given: Mapping[Signer, Credential] | None = None
) -> Pki:
    """Return the PKI with a new one made of each of `what`; one that is being changed already goes on as it is.

    Nothing uses what was prepared. `given` are the user's own authorities, of which the new one is taken: RefusedError
    if a given one is still the one that the cluster runs with.
    """
    new = {one: _prepared(pki, one, cluster, now, given or {}) for one in what if one not in pki.rotations}
    return replace(pki, rotations={**pki.rotations, **new})


def _prepared(pki: Pki, what: Rotated, cluster: str, now: datetime, given: Mapping[Signer, Credential]) -> Rotation:
    return Rotation(Phase.PREPARED, now, _new(pki, what, cluster, now, given))


def _new(pki: Pki, what: Rotated, cluster: str, now: datetime, given: Mapping[Signer, Credential]) -> Material | None:
    if what is Rotated.LEAVES:
        return None
    if what is Rotated.SERVICE_ACCOUNT:
        return private_pem(new_key())
    if what is Rotated.ENCRYPTION:
        return _key_of_another_name(pki, new_encryption_key(now))
    signer = CA_OF[what]
    if signer not in given:
        # Another name than the old one's, so that whoever reads a certificate sees which of the two has signed it.
        return new_authority(authority_name(cluster, signer, f"{now:%Y%m%d%H%M%S}"), now)
    if given[signer].parse() == pki.authorities[signer].parse():
        raise RefusedError(
            f"{what.value}: the authority that spec.pki.ca names is the one that the cluster runs with; put the new "
            "certificate and key into that connection first"
        )
    return given[signer]


def _key_of_another_name(pki: Pki, key: EncryptionKey) -> EncryptionKey:
    """Return the key by a name that no other has: an API server finds what it decrypts with by the name."""
    names = {one.name for one in pki.encryption_keys}
    return replace(key, name=f"{key.name}-next") if key.name in names else key


def next_turn(pki: Pki, now: datetime, held: Collection[Rotated] = ()) -> Turn:
    """Return to which phase each change goes on where all hosts are at the present one; those `held` stay.

    Of an authority that has ended nothing is accepted any more, nor can it issue: the new one issues at once.
    """
    return {what: _next(pki, what, now) for what in pki.rotations if what not in held}


def _next(pki: Pki, what: Rotated, now: datetime) -> Phase:
    if what is Rotated.LEAVES:
        return Phase.DROP
    phase = pki.rotations[what].phase
    if what in CA_OF and phase is not Phase.REISSUE and has_ended(pki, CA_OF[what], now):
        return Phase.REISSUE
    return _NEXT[phase]


def has_ended(pki: Pki, signer: Signer, now: datetime) -> bool:
    """Say whether the authority that issues has ended."""
    return pki.authorities[signer].parse().not_valid_after_utc <= now


def ended_turn(pki: Pki, now: datetime) -> Turn:
    """Return the turn of the changes whose authority has ended: to the next one at once."""
    turn = next_turn(pki, now)
    return {what: phase for what, phase in turn.items() if what in CA_OF and has_ended(pki, CA_OF[what], now)}


def has_anything_ended(pki: Pki, now: datetime) -> bool:
    """Say whether anything that hosts show or accept has ended, an authority that is being left behind included."""
    old = [
        rotation.other
        for rotation in pki.rotations.values()
        if rotation.phase is Phase.REISSUE and isinstance(rotation.other, Credential)
    ]
    shown = [*pki.authorities.values(), *pki.leaves.values(), *old]
    return any(one.parse().not_valid_after_utc <= now for one in shown)


def advance(pki: Pki, turn: Turn, now: datetime) -> Pki:
    """Return the PKI one phase on; a change that is not at the phase before is left as it is.

    So a turn that was taken already changes nothing, whoever takes it again. Certificates that are no longer good are
    issued by `issue_pki`, which follows.
    """
    for what, phase in turn.items():
        if what in pki.rotations and _next(pki, what, now) is phase:
            pki = _advance(pki, what, phase, now)
    return pki


def _advance(pki: Pki, what: Rotated, phase: Phase, now: datetime) -> Pki:
    rotation = pki.rotations[what]
    if what is Rotated.LEAVES:
        return replace(_without(pki, what), leaves={})
    if phase is Phase.DROP:
        return _without(_dropped(pki, rotation), what)
    if phase is Phase.TRUST:
        return _with(_trusted(pki, rotation), what, Rotation(phase, now, rotation.other))
    moved, old = _exchanged(pki, what, rotation)
    return _with(moved, what, Rotation(phase, now, old))


def _trusted(pki: Pki, rotation: Rotation) -> Pki:
    """Return the PKI with what has to be known of the next one before it is in use, of what is no trust bundle."""
    if isinstance(rotation.other, EncryptionKey):
        return replace(pki, encryption_keys=(*pki.encryption_keys, rotation.other))
    return pki


def _exchanged(pki: Pki, what: Rotated, rotation: Rotation) -> tuple[Pki, Material]:
    """Return the PKI with the next one in use, and the old one."""
    new = rotation.other
    if isinstance(new, Credential):
        old = pki.authorities[CA_OF[what]]
        former = (*pki.former, f"{what.value}:{fingerprint(old.certificate)}")
        return replace(pki, authorities={**pki.authorities, CA_OF[what]: new}, former=former), old
    if isinstance(new, EncryptionKey):
        first = pki.encryption_keys[0]
        return replace(pki, encryption_keys=(new, *(one for one in pki.encryption_keys if one != new))), first
    if isinstance(new, Secret):
        old_key = pki.service_account_key
        former = (*pki.former, f"{what.value}:{fingerprint(public_pem(old_key))}")
        return replace(pki, service_account_key=new, former=former), old_key
    raise TypeError(f"nothing was prepared of {what.value}")


def _dropped(pki: Pki, rotation: Rotation) -> Pki:
    """Return the PKI without the old one, and without whatever keys of Secrets a recovery has brought besides."""
    return replace(pki, encryption_keys=pki.encryption_keys[:1]) if isinstance(rotation.other, EncryptionKey) else pki


def _with(pki: Pki, what: Rotated, rotation: Rotation) -> Pki:
    return replace(pki, rotations={**pki.rotations, what: rotation})


def _without(pki: Pki, what: Rotated) -> Pki:
    return replace(pki, rotations={one: rotation for one, rotation in pki.rotations.items() if one is not what})
