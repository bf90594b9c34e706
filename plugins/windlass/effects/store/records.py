"""What the store knows of one cluster besides backups: its spec, its PKI, its last observation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from windlass.domain.apply.created import CreatedRecord
from windlass.domain.authenticity import sealed_in
from windlass.domain.authenticity.place import LEDGER
from windlass.domain.bounded import moment
from windlass.domain.pki import Pki
from windlass.domain.remediation import History
from windlass.domain.rollout.durations import StepDurations
from windlass.domain.rollout.record import LeftHost, Pause, RolloutRecord
from windlass.domain.run_notice import ToldFailures
from windlass.domain.sealing import MasterKeys, seal_bytes, sealed_with, unseal_bytes
from windlass.domain.spec.problem import correct_spec
from windlass.effects.store.contract import Store
from windlass.effects.store.documents import document_at
from windlass.effects.store.guarded import known_store
from windlass.effects.store.keys import (
    CLUSTERS,
    accepted_host_keys_prefix,
    backup_alert_key,
    bundles_prefix,
    cluster_prefix,
    created_key,
    credentials_prefix,
    durations_key,
    echo_key,
    host_keys_prefix,
    left_hosts_key,
    pause_key,
    people_key,
    pki_key,
    remediation_key,
    rollout_key,
    spec_key,
    spec_mark_key,
    status_key,
    told_failures_key,
    waiting_key,
)
from windlass.errors import IntegrityError, LostObjectError, SpecError

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def list_clusters(store: Store) -> tuple[str, ...]:
    """Return the names of the clusters whose spec is in `store`, or was deleted from it by somebody else; sorted."""
    names = (name.removesuffix("/") for name in store.list_names(CLUSTERS))
    return tuple(name for name in names if _is_known(store, name))


def _is_known(store: Store, name: str) -> bool:
    """Tell whether there is a spec, or should be one: whoever reads that is told that it was deleted."""
    below = store.list_names(cluster_prefix(name))
    if "spec.yaml" in below or LEDGER not in below:
        return "spec.yaml" in below
    try:
        return ClusterRecords(store, name).spec_bytes() is not None
    except IntegrityError:
        return True


@dataclass(frozen=True)
class ClusterRecords:
    """The records of one cluster. Writers hold the cluster's lease, but for the one that asks for a pause."""

    store: Store
    cluster: str

    def spec(self) -> str | None:
        """Return the text of the stored spec, or None if there is none; SpecError if it is no text."""
        data = self.spec_bytes()
        try:
            return None if data is None else data.decode()
        except UnicodeDecodeError as error:
            raise SpecError(f"stored spec of {self.cluster}: {error}; {correct_spec(self.cluster)}") from error

    def spec_bytes(self) -> bytes | None:
        """Return the stored spec as it lies there, whether it can be read or not; None if there is none."""
        stored = self.store.get(spec_key(self.cluster))
        return None if stored is None else stored.data

    def save_spec(self, text: str) -> bool:
        """Store the spec; False if it is stored just so already."""
        is_other = self.spec_bytes() != text.encode()
        if is_other:
            self.store.put(spec_key(self.cluster), text.encode())
        # After it: whoever sees the mark finds the spec that it is of. And by itself: a try before may have died here.
        self._mark(text)
        return is_other

    def _mark(self, spec: str) -> None:
        """Have the mark be that of this spec, and of whether the cluster has come up: then it begins to be watched."""
        created = self.store.get(created_key(self.cluster))
        marked_by = spec.encode() if created is None else spec.encode() + created.data
        key, mark = spec_mark_key(self.cluster), hashlib.sha256(marked_by).hexdigest().encode()
        marked = self.store.get(key)
        if marked is None or marked.data != mark:
            self.store.put(key, mark)

    def pki(self, keys: MasterKeys) -> Pki | None:
        """Return the PKI, or None if there is none; IntegrityError if no key opens it."""
        stored = self.store.get(pki_key(self.cluster))
        return None if stored is None else self.open_pki(stored.data, keys)

    def sealed_pki(self) -> bytes | None:
        """Return the PKI as control-plane hosts keep it: as it is stored, after what they are to know of the store."""
        stored, known = self.store.get(pki_key(self.cluster)), known_store(self.store, self.cluster)
        if stored is None or known is None:
            return None if stored is None else stored.data
        return known.host_copy(stored.data)

    def open_pki(self, sealed: bytes, keys: MasterKeys) -> Pki:
        """Return the PKI in `sealed`, the stored one or a host's copy; IntegrityError if no key opens it."""
        return Pki.from_bytes(unseal_bytes(sealed_in(sealed), keys, pki_key(self.cluster)))

    def recoverable_pki(self, keys: MasterKeys) -> Pki | None:
        """Return the PKI; None if there is none, or it was lost: for a recovery, which brings its own."""
        try:
            return self.pki(keys)
        except LostObjectError:
            return None

    def check_host(self, host: str, store_marks: str | None) -> None:
        """IntegrityError if a host, by what its facts say, knows something newer of this store, or another one."""
        if store_marks is None:
            return
        try:
            self._check_marks(host, store_marks, is_fresh=False)
        except (
            IntegrityError
        ):  # the catalog changes under no lease of this cluster's: it may be newer than what was read
            self._check_marks(host, store_marks, is_fresh=True)

    def _check_marks(self, host: str, store_marks: str, *, is_fresh: bool) -> None:
        if (known := known_store(self.store, self.cluster, is_fresh=is_fresh)) is not None:
            known.check(host, store_marks)

    def save_pki(self, pki: Pki, keys: MasterKeys) -> bool:
        """Seal and store the PKI; False if it is stored just so already, under the first master key."""
        try:
            stored = self.store.get(pki_key(self.cluster))
        except LostObjectError:  # whoever has one to store has decided that it takes the place of the lost one
            stored = None
        sealed = None if stored is None else stored.data
        if sealed is not None and sealed_with(sealed) == keys.keys[0].key_id and self.open_pki(sealed, keys) == pki:
            return False
        self.store.put(pki_key(self.cluster), seal_bytes(pki.to_bytes(), keys, pki_key(self.cluster)))
        return True

    def forget(self, *, keep_backups: bool) -> tuple[str, ...]:
        """Remove the records of a cluster that is gone, and return their keys; its log and its leases stay."""
        backups = () if keep_backups else (bundles_prefix(self.cluster),)
        prefixes = (
            *backups,
            host_keys_prefix(self.cluster),
            accepted_host_keys_prefix(self.cluster),
            credentials_prefix(self.cluster),
        )
        listed = [item.key for prefix in prefixes for item in self.store.list(prefix)]
        # The spec last: as long as it is there, what broke off can be run again.
        keys = (
            *listed,
            created_key(self.cluster),
            waiting_key(self.cluster),
            backup_alert_key(self.cluster),
            told_failures_key(self.cluster),
            status_key(self.cluster),
            remediation_key(self.cluster),
            echo_key(self.cluster),
            rollout_key(self.cluster),
            pause_key(self.cluster),
            left_hosts_key(self.cluster),
            durations_key(self.cluster),
            people_key(self.cluster),
            pki_key(self.cluster),
            spec_mark_key(self.cluster),
            spec_key(self.cluster),
        )
        for key in keys:
            self.store.delete(key)
        return keys

    def created(self) -> CreatedRecord | None:
        """Return the record that the cluster was verified; None if it never was: then it is being created."""
        return document_at(
            self.store,
            created_key(self.cluster),
            lambda one: CreatedRecord(moment(one["verified"]), one["etcd"]),
        )

    def save_created(self, created: CreatedRecord) -> None:
        """Store that the cluster was verified."""
        document = {"verified": created.verified.isoformat(), "etcd": created.etcd}
        self.store.put(created_key(self.cluster), json.dumps(document, indent=1).encode())
        self._mark(self.spec() or "")

    def waiting(self) -> str:
        """Return which remediation run waits for the lease, the newest that does; empty if none ever did."""
        return document_at(self.store, waiting_key(self.cluster), lambda one: str(one["run"])) or ""

    def save_waiting(self, run: str) -> None:
        """Store that this remediation run waits for the lease; any that waited before leaves all to it."""
        self.store.put(waiting_key(self.cluster), json.dumps({"run": run}).encode())

    def told_failures(self) -> ToldFailures:
        """Return what people were last told of failing runs that start by themselves."""
        return document_at(self.store, told_failures_key(self.cluster), ToldFailures.of) or ToldFailures({})

    def save_told_failures(self, told: ToldFailures) -> None:
        """Store what people are told of failing runs that start by themselves."""
        self.store.put(told_failures_key(self.cluster), json.dumps(told.value(), indent=1).encode())

    def repairs(self) -> History:
        """Return how often each component was acted on lately, and the alerts that stand."""
        stored = self.store.get(remediation_key(self.cluster))
        return History() if stored is None else History.from_bytes(stored.data)

    def save_repairs(self, history: History) -> None:
        """Store what was acted on lately."""
        self.store.put(remediation_key(self.cluster), history.to_bytes())

    def echoed(self) -> datetime:
        """Return up to when the cluster itself was told what the service log says; long ago if it never was."""
        until = document_at(self.store, echo_key(self.cluster), lambda one: moment(one["until"]))
        return until or _NEVER

    def save_echoed(self, until: datetime) -> None:
        """Store up to when the cluster was told."""
        self.store.put(echo_key(self.cluster), json.dumps({"until": until.isoformat()}).encode())

    def rollout(self) -> RolloutRecord | None:
        """Return the rollout that is under way or paused; if None, every host is meant to be at the stored spec."""
        return document_at(self.store, rollout_key(self.cluster), lambda one: RolloutRecord(**one))

    def save_rollout(self, rollout: RolloutRecord) -> None:
        """Store that a rollout is under way."""
        self.store.put(rollout_key(self.cluster), json.dumps(asdict(rollout), indent=1).encode())

    def end_rollout(self) -> None:
        """Store that no rollout is under way (any more)."""
        self.drop_pause()
        self.store.delete(rollout_key(self.cluster))

    def left_hosts(self) -> tuple[LeftHost, ...]:
        """Return the hosts that left the spec and of which something may be left."""
        return document_at(self.store, left_hosts_key(self.cluster), lambda all_: tuple(map(LeftHost.of, all_))) or ()

    def save_left_hosts(self, hosts: Iterable[LeftHost]) -> None:
        """Store which hosts left the spec and may have something left; nothing is kept where there are none."""
        values = [one.value() for one in hosts]
        if values:
            self.store.put(left_hosts_key(self.cluster), json.dumps(values, indent=1).encode())
        else:
            self.store.delete(left_hosts_key(self.cluster))

    def pause(self) -> Pause | None:
        """Return what was asked of the rollout that is under way, or None."""
        return document_at(self.store, pause_key(self.cluster), lambda one: Pause(**one))

    def ask_pause(self, pause: Pause) -> None:
        """Store that the rollout that is under way is to pause."""
        self.store.put(pause_key(self.cluster), json.dumps(asdict(pause), indent=1).encode())

    def drop_pause(self) -> None:
        """Store that no pause is asked for (any more)."""
        self.store.delete(pause_key(self.cluster))

    def durations(self) -> StepDurations:
        """Return how long each kind of step of a rollout took last."""
        return document_at(self.store, durations_key(self.cluster), StepDurations.of) or StepDurations()

    def save_durations(self, durations: StepDurations) -> None:
        """Store how long each kind of step of a rollout took last."""
        self.store.put(durations_key(self.cluster), json.dumps(durations.value(), indent=1).encode())

    def status(self) -> Mapping[str, Any] | None:
        """Return the last observation, or None if there is none."""
        return document_at(self.store, status_key(self.cluster), dict)

    def save_status(self, status: Mapping[str, Any]) -> None:
        """Store the last observation."""
        self.store.put(status_key(self.cluster), json.dumps(status, indent=1).encode())
