"""Take a change of authorities and keys one phase on, where all that was observed says that it may."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from windlass.domain.host.containers import Container
from windlass.domain.pki import Phase, Pki, Rotated, issue_pki
from windlass.domain.pki.certificates import load_key
from windlass.domain.pki.rotation import Turn, advance, next_turn, prepare
from windlass.domain.rollout.gate import GateFinding
from windlass.domain.rollout.rotation import held_back, not_everywhere, old_pods, pods_finding, rotation_finding
from windlass.domain.rollout.upgrade_path import UpgradeRequest
from windlass.domain.secret import Secret
from windlass.domain.spec import Cluster
from windlass.effects.kubernetes.client import KubernetesClient
from windlass.errors import MALFORMED, WindlassError
from windlass.operations.cluster_api import kubernetes_api
from windlass.operations.objects.secrets import SECRETS
from windlass.operations.rollout.context import Views
from windlass.operations.rollout.gather import GatheredInputs
from windlass.operations.rollout.settle import seal_hosts
from windlass.operations.run import ClusterRun

_API = timedelta(seconds=20)
_TOKEN_TYPE = "kubernetes.io/service-account-token"  # noqa: S105 - the name of a type


@dataclass(frozen=True)
class RotationStep:
    """To where a change goes on now, and what the gate says of it."""

    turn: Turn = field(default_factory=dict)
    findings: tuple[GateFinding, ...] = ()


@contextmanager
def leased(run: ClusterRun) -> Iterator[ClusterRun]:
    """Take the lease and hold it for a block, and give the run as it may change the cluster meanwhile."""
    run.lease().acquire()
    try:
        with run.working() as at_work:
            yield at_work
    finally:
        run.lease().release()


def prepare_rotation(run: ClusterRun, what: Collection[Rotated]) -> tuple[str, ...]:
    """Make and store the new one of each of `what` that is not being changed yet, and return what is being changed.

    No host has anything of it. It is done under the lease, which is given back. What is stored is sealed with the first
    master key then; with nothing to make, control-plane hosts get that as their copy.
    """
    with leased(run) as at_work:
        cluster, pki = at_work.cluster(), at_work.pki()
        prepared = prepare(pki, what, run.name, run.clock.now(), run.authorities(cluster))
        is_other = at_work.records.save_pki(prepared, run.keys)
        names = [one.value for one in prepared.rotations if one not in pki.rotations]
        if names:
            run.log(f"{run.owner.dag_id}: prepared, and used by nothing yet: {', '.join(names)}{_why(run)}")
        elif is_other and not what:
            run.log(f"{run.owner.dag_id}: the PKI is sealed with the first master key{_why(run)}")
        if not what:
            with at_work.session(cluster) as session:
                seal_hosts(at_work, session)
    return tuple(f"{one.value}: {rotation.phase.value}" for one, rotation in prepared.rotations.items())


def rotating_pki(run: ClusterRun, request: UpgradeRequest, pki: Pki) -> Pki:
    """Return the PKI from which a change goes on; a plan for the look alone begins one that nobody has prepared yet."""
    if not request.plan_only or not request.rotates:
        return pki
    what = [Rotated(one) for one in request.rotates]
    return prepare(pki, what, run.name, run.clock.now(), run.authorities(run.cluster()))


def _why(run: ClusterRun) -> str:
    return f" ({run.reason})" if run.reason else ""


def next_step(run: ClusterRun, views: Views, pki: Pki, found: GatheredInputs) -> RotationStep:
    """Return to where the change of `pki`, which all was observed against, goes on; nothing is changed."""
    if not pki.rotations:
        return RotationStep()
    inputs, now = found.gate_inputs, run.clock.now()
    drifts = {name: one.drift for name, one in found.hosts.items()}
    hosts = [host.name for host in views.session.hosts]
    reasons = not_everywhere(hosts, drifts, {**inputs.unreachable, **inputs.held}, list(found.add_ons))
    waiting = [*reasons, *_unfinished(run), *inputs.api_reasons.values()]
    if waiting:
        return RotationStep({}, (rotation_finding({}, waiting, {}),))
    old_pods = _old_pods(pki, found)
    held = held_back(pki, _servers_since(views, found), _old_tokens(views, pki), now)
    turn = next_turn(pki, now, held)
    findings = [rotation_finding(turn, (), {})] if turn else []
    waits = [rotation_finding({}, (), held)] if held else []
    return RotationStep(turn, (*findings, *waits, *([pods_finding(old_pods)] if old_pods else [])))


def _old_pods(pki: Pki, found: GatheredInputs) -> tuple[str, ...]:
    """Return the pods that would not accept the next authority; none unless that is to be used now."""
    rotation = pki.rotations.get(Rotated.KUBERNETES_CA)
    if rotation is None or rotation.phase is not Phase.TRUST:
        return ()
    managers = [one.observed.running("kube-controller-manager") for one in found.hosts.values()]
    started = [one.started for one in managers if isinstance(one, Container) and one.started is not None]
    return old_pods(found.gate_inputs.workloads.pods, max(started, default=rotation.since))


def _unfinished(run: ClusterRun) -> Iterator[str]:
    if (record := run.records.rollout()) is not None:
        yield f"{record} has not ended"


def store_turn(run: ClusterRun, cluster: Cluster, turn: Turn) -> None:
    """Store that a change goes on, with what is issued again for it; what was taken on already stays as it is."""
    pki, now = run.pki(), run.clock.now()
    advanced = advance(pki, turn, now)
    if advanced != pki:
        run.records.save_pki(issue_pki(cluster, now, advanced), run.keys)
        told = ", ".join(f"{what.value} -> {phase.value}" for what, phase in turn.items())
        run.log(f"{run.owner.dag_id}: authorities and keys change, next phase: {told}")


def _servers_since(views: Views, found: GatheredInputs) -> dict[str, datetime | None]:
    servers = views.session.cluster.hosts_with("control-plane")
    running = {host.name: found.hosts[host.name].observed.running("kube-apiserver") for host in servers}
    return {name: one.started if isinstance(one, Container) else None for name, one in running.items()}


def _old_tokens(views: Views, pki: Pki) -> tuple[str, ...]:
    """Return the Secrets with tokens of the key that is to be dropped; none unless one is."""
    rotation = pki.rotations.get(Rotated.SERVICE_ACCOUNT)
    if rotation is None or rotation.phase is not Phase.REISSUE or not isinstance(rotation.other, Secret):
        return ()
    old = key_id(rotation.other)
    try:
        with kubernetes_api(views.serving, pki, _API) as client:
            return tuple(_signed_by(client, old))
    except WindlassError as error:
        return (f"(not known: {error})",)


def _signed_by(client: KubernetesClient, old: str) -> Iterator[str]:
    for found in client.list(SECRETS):
        token = (found.get("data") or {}).get("token") if found.get("type") == _TOKEN_TYPE else None
        if token and token_key_id(token) in {old, None}:
            yield f"{found['metadata']['namespace']}/{found['metadata']['name']}"


def key_id(key: Secret) -> str:
    """Return the id by which tokens name the key that signed them: the SHA-256 of its public half.

    As `keyIDFromPublicKey` of Kubernetes' pkg/serviceaccount/jwt.go makes it.
    """
    public = load_key(key).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.urlsafe_b64encode(hashlib.sha256(public).digest()).rstrip(b"=").decode()


def token_key_id(stored: str) -> str | None:
    """Return the id of the key that signed a token, given as a Secret holds it; None if it does not say."""
    try:
        header = base64.b64decode(stored).decode().partition(".")[0]
        found: Mapping[str, Any] = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
        return str(found["kid"])
    except MALFORMED:
        return None
