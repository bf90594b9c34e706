"""When a change of authorities and keys may go on to its next phase: only from where the present one is everywhere.

That is looked at, not remembered: each host says which files it has and since when its components run. So a run that
was killed anywhere goes on with the phase that the stored PKI is in, and none is ever skipped.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from windlass.domain.bounded import moment
from windlass.domain.host.drift import HostDrift
from windlass.domain.host.layout import PROXY_TRUST, TRUST_ANNOTATION
from windlass.domain.markdown import first_of
from windlass.domain.pki import Pki
from windlass.domain.pki.rotation import Turn
from windlass.domain.pki.rotation_state import Phase, Rotated
from windlass.domain.rollout.gate import GateFinding, GateLevel

TOKENS_RENEWED = timedelta(minutes=70)
"""How long after the last API server began to sign with the new key every pod has a token of it.

Tokens of pods live an hour, and kubelet renews them when 80 % of that is over
(https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#serviceaccount-token-volume-projection).
"""
PUBLISHED_WITHIN = timedelta(minutes=2)
"""How long a controller manager may take to lead, to write its authority to all namespaces, and kubelets to read it."""
ROOT_CA = "kube-root-ca.crt"
"""The config map of each namespace that holds the cluster's authority for pods."""
_PODS_TOLD = 20
_TEXT = {
    Phase.TRUST: "every host comes to accept the old and the new one",
    Phase.REISSUE: "the new one is used, and both are accepted",
    Phase.DROP: "only the new one is accepted",
}


def not_everywhere(
    hosts: Collection[str], drifts: Mapping[str, HostDrift], left_out: Mapping[str, str], objects: Collection[str]
) -> tuple[str, ...]:
    """Return why the present phase is not known to be everywhere; empty if it is.

    `drifts` is how each host that answers differs from the present phase, `left_out` why others were left out, and
    `objects` what would change of the cluster's objects, stored Secrets that are to be written again among them.
    """
    silent = {name: f"{name}: does not answer" for name in hosts if name not in drifts}
    told = {**silent, **left_out}
    reasons = [
        f"{name}: {', '.join(_differs(drift))}" for name, drift in sorted(drifts.items()) if any(_differs(drift))
    ]
    return (*(told[name] for name in sorted(told)), *reasons, *objects)


def _differs(drift: HostDrift) -> Iterator[str]:
    """Yield what of a host is not at the present phase, or not known to be: files, and whatever has not read them."""
    if drift.has_no_certificates:
        yield "it has no certificates"
    yield from (one.path for one in drift.certificates if one.content)
    yield from (str(one) for one in drift.services if one.reads or one.is_running is None)
    if PROXY_TRUST in drift.settings:
        yield f"{PROXY_TRUST} is not loaded"
    yield from (str(one) for one in drift.units)


def held_back(
    pki: Pki, servers_since: Mapping[str, datetime | None], old_tokens: Collection[str], now: datetime
) -> dict[Rotated, str]:
    """Return which changes must wait where they are though they are everywhere, and why.

    `servers_since` says since when each API server runs, None where that is not known; `old_tokens` names the Secrets
    that hold tokens signed with the old key.
    """
    rotation = pki.rotations.get(Rotated.SERVICE_ACCOUNT)
    if rotation is None or rotation.phase is not Phase.REISSUE:
        return {}
    if old_tokens:
        return {
            Rotated.SERVICE_ACCOUNT: f"tokens in Secrets are signed with the old key and end with it: "
            f"{', '.join(sorted(old_tokens))}; delete `data.token` of each, which is made again, and give it to "
            "whoever uses it"
        }
    unknown = sorted(name for name, since in servers_since.items() if since is None)
    if unknown:
        return {Rotated.SERVICE_ACCOUNT: f"nobody knows since when the API server of {', '.join(unknown)} runs"}
    until = max((since for since in servers_since.values() if since is not None), default=now) + TOKENS_RENEWED
    if until <= now:
        return {}
    return {Rotated.SERVICE_ACCOUNT: f"pods may have tokens of the old key until {until:%Y-%m-%d %H:%M}Z; go on then"}


def old_pods(pods: Iterable[Mapping[str, Any]], published: datetime) -> tuple[str, ...]:
    """Return the pods, as `namespace/name`, that have read the cluster's authority before the next one was published.

    `published` is when the controller manager that publishes it to all namespaces started. Pods read it when they
    start; those that mount no token of a service account do not read it at all.
    """
    return tuple(
        sorted(
            f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
            for pod in pods
            if _reads_authority(pod) and _has_started_before(pod, published + PUBLISHED_WITHIN)
        )
    )


def _reads_authority(pod: Mapping[str, Any]) -> bool:
    volumes = pod.get("spec", {}).get("volumes") or ()
    sources = [one for volume in volumes for one in (volume.get("projected") or {}).get("sources") or ()]
    return any((one.get("configMap") or {}).get("name") == ROOT_CA for one in sources)


def _has_started_before(pod: Mapping[str, Any], at: datetime) -> bool:
    status = pod.get("status") or {}
    if status.get("phase") in {"Succeeded", "Failed"} or TRUST_ANNOTATION in (pod["metadata"].get("annotations") or {}):
        return False
    started = status.get("startTime")
    return started is not None and moment(started) < at


def pods_finding(pods: Sequence[str]) -> GateFinding:
    """Return the finding on pods that read the cluster's authority before the next one was published."""
    text = f"{len(pods)} pods do not know the next authority, and would not reach the API once it is used"
    told = first_of(pods, _PODS_TOLD, "pods")
    remedy = "restart them before approving, such as by `kubectl rollout restart`"
    return GateFinding("pods", GateLevel.WARNING, f"{text}: {', '.join(told)}", remedy)


def turn_value(turn: Turn) -> dict[str, str]:
    """Return a turn as plain values."""
    return {what.value: phase.value for what, phase in turn.items()}


def read_turn(value: Mapping[str, str]) -> Turn:
    """Read what `turn_value` wrote."""
    return {Rotated(what): Phase(phase) for what, phase in value.items()}


def rotation_finding(turn: Turn, waiting: Collection[str], held: Mapping[Rotated, str]) -> GateFinding:
    """Return what the gate says of the rotation: what begins now, or why that is still to come."""
    if waiting:
        reasons = tuple(waiting)
        text = "the present phase is not everywhere, and is brought there first: " + "; ".join(reasons)
        remedy = "bring hosts back that do not answer, or take them out of the spec; then go on with the rotation"
        return GateFinding("rotation", GateLevel.WARNING, text, remedy, reasons)
    if held:
        told = tuple(f"{what.value} waits: {why}" for what, why in held.items())
        return GateFinding("rotation", GateLevel.WARNING, "; ".join(told), "then trigger the rotation again", told)
    if not turn:
        return GateFinding("rotation", GateLevel.PASSED, "no change of authorities or keys is under way")
    told = tuple(f"{what.value}: {_of(what, phase)}" for what, phase in turn.items())
    return GateFinding("rotation", GateLevel.PASSED, "; ".join(told))


def _of(what: Rotated, phase: Phase) -> str:
    return "all certificates are issued again" if what is Rotated.LEAVES else f"{phase.value}, {_TEXT[phase]}"
