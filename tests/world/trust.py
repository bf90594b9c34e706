"""Whether all parts of the world's cluster accept each other, and have every key that they need: at each boundary."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509

from windlass.domain.host.layout import API_SERVER_PKI, CLIENT_CA, CONTROLLER_MANAGER_PKI, SCHEDULER_PKI
from windlass.domain.pki import Pki, Signer, trust_bundle
from windlass.domain.pki.certificates import public_pem
from windlass.domain.pki.issuance import is_signed_by
from windlass.domain.pki.rotation_state import EncryptionKey
from windlass.domain.pki.subjects import DesiredCertificate, desired_leaves
from windlass.domain.secret import Secret
from windlass.domain.spec import load_cluster
from windlass.effects.store import ClusterRecords
from windlass.effects.store.keys import pki_key
from world import secrets_at_rest
from world.deaths import Boundary
from world.everything import World
from world.machine import Machine
from world.secrets_at_rest import keys_of, may_have_loaded

PKI = "/etc/windlass/pki"
STEMS = {
    "etcd-server": "etcd/server",
    "etcd-peer": "etcd/peer",
    "etcd-health": "etcd/health",
    "apiserver-etcd-client": "etcd/apiserver-client",
    "controller-manager": "controller-manager/server",
    "controller-manager-client": "controller-manager/client",
    "scheduler": "scheduler/server",
    "scheduler-client": "scheduler/client",
}
_DIRECTORIES = (PKI, API_SERVER_PKI, CONTROLLER_MANAGER_PKI, SCHEDULER_PKI)
BUNDLES = {
    Signer.KUBERNETES: (CLIENT_CA, *(f"{one}/ca.crt" for one in _DIRECTORIES)),
    Signer.ETCD: (f"{PKI}/etcd/ca.crt", f"{API_SERVER_PKI}/etcd/ca.crt"),
    Signer.FRONT_PROXY: tuple(f"{one}/front-proxy-ca.crt" for one in _DIRECTORIES),
}
TOKENS_LIVE = timedelta(minutes=48)
"""Kubelets renew a pod's token when four fifths of its hour are over."""
_SIGNS, _VERIFIES = f"{API_SERVER_PKI}/service-account.key", f"{API_SERVER_PKI}/service-account.pub"
_opened: dict[bytes, Pki] = {}


def stored(world: World) -> Pki:
    """Return the PKI that the store has."""
    sealed = world.bucket.objects[pki_key(world.name)]
    if sealed not in _opened:
        pki = ClusterRecords(world.store, world.name).pki(world.keys)
        assert pki is not None
        _opened[sealed] = pki
    return _opened[sealed]


def strangers(world: World) -> Iterator[str]:
    """Yield each certificate on a host, or of Windlass's own, that some host or Windlass does not accept as it is."""
    pki = stored(world)
    for name, leaf in _leaves(world.spec).items():
        host, is_on_host, purpose = name.partition("/")
        if not is_on_host:
            shown = pki.leaves[name].certificate
        elif host in world.machines:
            shown = world.machines[host].text(f"{PKI}/{STEMS.get(purpose, purpose)}.crt")
        else:
            continue
        if is_on_host and not accepts(trust_bundle(pki, leaf.signer).encode(), shown):
            yield f"Windlass does not accept {name}"
        for other, machine in world.machines.items():
            for path in BUNDLES[leaf.signer]:
                if not all(accepts(bundle, shown) for bundle in read_by(machine, path)):
                    yield f"{other} does not accept {name} by {path}"


@cache
def _leaves(spec: str) -> dict[str, DesiredCertificate]:
    return {str(name): leaf for name, leaf in desired_leaves(load_cluster(spec, "spec")).items()}


@cache
def accepts(bundle: bytes, shown: str) -> bool:
    """Tell whether one of the authorities of a bundle has signed a certificate."""
    certificate = x509.load_pem_x509_certificate(shown.encode())
    return any(is_signed_by(certificate, issuer) for issuer in x509.load_pem_x509_certificates(bundle))


def read_by(machine: Machine, path: str) -> Iterator[bytes]:
    """Yield what a host accepts by a file: as it lies there, and as whatever reads it once has read it."""
    if path in machine.host.files:
        yield machine.host.files[path].content
        yield from list(machine.read_at_start(path))


def servers(world: World) -> list[Machine]:
    """Return the hosts whose API server runs."""
    return [one for one in world.machines.values() if one.serves("kube-apiserver")]


def lost_secrets(world: World) -> Iterator[str]:
    """Yield each Secret that a running API server cannot read, or of whose key the store knows nothing any more."""
    for server in servers(world):
        for name in secrets_at_rest.unreadable(server, world.etcd.objects):
            yield f"the API server of {server.name} cannot read the Secret {name}"
        for other in servers(world):
            may_write = {keys_of(text)[0] for text in may_have_loaded(other)}
            if any(not may_write <= set(keys_of(text)) for text in may_have_loaded(server)):
                yield f"the API server of {server.name} could not read what that of {other.name} may store now"
    pki = stored(world)
    others = [one.other for one in pki.rotations.values() if isinstance(one.other, EncryptionKey)]
    known = {one.key.reveal() for one in (*pki.encryption_keys, *others)}
    for name, key in secrets_at_rest.stored_with(world.etcd.objects).items():
        if key not in known | {secrets_at_rest.CLEAR}:
            yield f"the store has not the key of the Secret {name}"


def write_secrets(world: World) -> None:
    """Have somebody write a Secret by each API server that runs, as people and pods do at any time."""
    for server in servers(world):
        name = f"by-{server.name}"
        found = world.etcd.objects.setdefault(
            ("secrets", "default", name),
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": "default", "resourceVersion": "1"},
            },
        )
        secrets_at_rest.note(server, found)


@cache
def _public(key: bytes) -> str:
    return public_pem(Secret(key.decode())).strip()


class TrustWatch:
    """Looks at each boundary whether all is well, and keeps what was not; whoever asks does so with `found`."""

    def __init__(self, world: World, *, writes: bool = True) -> None:
        self.found: list[str] = []
        self.looked = 0
        self._world, self._writes = world, writes
        self._signed: dict[str, datetime] = {}
        self.changed: list[Boundary] = []
        """The boundaries where something was other than at the one before of the same place."""
        self._last: dict[str, int] = {}
        self._judged: dict[int, tuple[str, ...]] = {}
        """What was found wrong where everything was just so."""
        world.boundaries.watch = self._crossed

    def begin(self) -> None:
        """Begin anew, as with another process, or where the world was put back."""
        self._signed.clear()
        self.changed, self._last = [], {}

    def _crossed(self, boundary: Boundary) -> None:
        with self._world.kubernetes.one_at_a_time:
            self.look(f"before {boundary}")
            self._note(boundary)

    def _note(self, boundary: Boundary) -> None:
        now = _state_of(self._world, boundary.place)
        if self._last.get(boundary.place) != now:
            self.changed.append(boundary)
        self._last[boundary.place] = now

    def look(self, where: str) -> None:
        """Look now."""
        self.looked += 1
        if self._writes:
            write_secrets(self._world)
        self.found.extend(f"{where}: {one}" for one in (*self._problems(), *self._foreign_tokens()))

    def _problems(self) -> tuple[str, ...]:
        """Return what is wrong now, without judging again what was just so before: most steps change nothing."""
        now = _all_that_is_trusted(self._world)
        if now not in self._judged:
            self._judged[now] = (*strangers(self._world), *lost_secrets(self._world))
        return self._judged[now]

    def _foreign_tokens(self) -> Iterator[str]:
        """Yield that a token which a pod may have is verified by an API server no more, or not yet."""
        running, now = servers(self._world), self._world.clock.now(UTC)
        for server in running:
            for key in server.read_at_start(_SIGNS):
                self._signed[_public(key)] = now
        alive = {key for key, since in self._signed.items() if now - since < TOKENS_LIVE}
        for server in running:
            for known in server.read_at_start(_VERIFIES):
                for key in alive:
                    if key not in known.decode():
                        yield f"the API server of {server.name} does not verify tokens that are signed"


def _state_of(world: World, place: str) -> int:
    """Return a number that is another one once something has changed at a place."""
    if place == "store":
        return hash(frozenset((key, value) for key, value in world.bucket.objects.items() if "/log/" not in key))
    if place not in world.machines:
        return hash(frozenset((key, one["metadata"].get("resourceVersion")) for key, one in world.etcd.objects.items()))
    machine = world.machines[place]
    return hash((_files_of(machine), repr((sorted(machine.starts.items()), sorted(machine.units), machine.loaded))))


def _all_that_is_trusted(world: World) -> int:
    """Return a number that is another one once anything is other that certificates and Secrets are judged by."""
    machines = tuple(
        (_files_of(one), _read_once_by(one), one.encryption, one.serves("kube-apiserver"))
        for one in world.machines.values()
    )
    secrets = frozenset(secrets_at_rest.stored_with(world.etcd.objects).items())
    return hash((world.bucket.objects[pki_key(world.name)], machines, secrets))


def _read_once_by(machine: Machine) -> tuple[object, ...]:
    running = [key for key in list(machine.read) if key in machine.containers]
    return tuple((key, tuple(machine.read[key].items())) for key in running)


def _files_of(machine: Machine) -> frozenset[tuple[str, bytes, int]]:
    return frozenset((path, file.content, file.mode) for path, file in list(machine.host.files.items()))
