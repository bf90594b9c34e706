"""What an operation is given of the run that it works for: in Airflow it is the run context."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from windlass.domain.artifacts import Lock
from windlass.domain.catalog import Catalog, Release
from windlass.domain.catalog.tested import TestRecord
from windlass.domain.lease import Owner
from windlass.domain.pki import Credential, Pki, Signer
from windlass.domain.rendering import MirrorAddresses
from windlass.domain.sealing import MasterKeys
from windlass.domain.servicelog import Detail, Level
from windlass.domain.spec import Cluster
from windlass.effects.bundles import Vault
from windlass.effects.clock import Clock
from windlass.effects.store import ClusterRecords, RunLease, Store
from windlass.errors import TRANSIENT, SkippedError, WaitingError, WindlassError
from windlass.operations.cluster import ClusterSession
from windlass.operations.provision import Provision

Tell = Callable[[str], None]


class Alert(Protocol):
    """Writes a line to the cluster's service log, and notifies whoever wants to know."""

    def __call__(self, text: str, level: Level = "error") -> None:
        """Alert people; it raises nothing because the store or a notifier is away."""
        ...


class ClusterRun(Protocol):
    """One run, and the cluster that it is about: what may be read and written. Only what is asked for is opened."""

    @property
    def name(self) -> str:
        """The cluster's name."""
        ...

    @property
    def owner(self) -> Owner:
        """The run, as leases name it."""
        ...

    @property
    def reason(self) -> str:
        """Why the run was started, as whoever started it says; may be empty."""
        ...

    @property
    def requester(self) -> str:
        """Airflow's name of the user who started the run; empty where that is nobody, or not known."""
        ...

    @property
    def store(self) -> Store:
        """The store."""
        ...

    @property
    def keys(self) -> MasterKeys:
        """The master keys."""
        ...

    @property
    def catalog(self) -> Catalog:
        """Every release that Windlass knows."""
        ...

    @property
    def clock(self) -> Clock:
        """The time, and waiting."""
        ...

    @property
    def records(self) -> ClusterRecords:
        """What the store knows of the cluster."""
        ...

    def stored(self) -> Cluster | None:
        """Return the stored spec; None if there is none."""
        ...

    def cluster(self) -> Cluster:
        """Return the stored spec; SpecError if there is none."""
        ...

    def desired(self, text: str | None, running: Cluster | None = None) -> Cluster:
        """Return the spec in `text`, checked, or the stored one where there is no text.

        What it leaves to the cluster is as in the stored spec, or in `running` where none is stored.
        """
        ...

    def pki(self) -> Pki:
        """Return the stored PKI; NotReadyError if it was not made yet."""
        ...

    def authorities(self, cluster: Cluster) -> Mapping[Signer, Credential]:
        """Return the authorities of the user's own that the spec refers to."""
        ...

    def require_secrets(self, cluster: Cluster) -> None:
        """SpecError that names every secret that the spec refers to and that cannot be had."""
        ...

    def artifacts(self, cluster: Cluster, release: Release) -> tuple[Lock, MirrorAddresses]:
        """Return where the hosts of `cluster` get the artifacts of a release from."""
        ...

    def release_tests(self, version: str) -> TestRecord | None:
        """Return what is recorded of a release's tests; None if nothing is."""
        ...

    def vault(self, cluster: Cluster) -> Vault:
        """Return the cluster's recovery bundles, wherever its spec keeps them."""
        ...

    def session(self, cluster: Cluster) -> AbstractContextManager[ClusterSession]:
        """Connect to the cluster's hosts as they are needed."""
        ...

    def working(self) -> AbstractContextManager[ClusterRun]:
        """Hold the lease of the cluster's operations for a block, beaten meanwhile, and give this run for that time.

        RefusedError if the run does not have it. By the run that is given, and the sessions that it opens, nothing is
        changed once the lease is lost: LostLeaseError names who has it, and hosts refuse what is sent all the same.
        """
        ...

    def missing_hosts(self, cluster: Cluster) -> tuple[str, ...]:
        """Return the hosts that the spec's provider is still to make; none where they are machines of the user's."""
        ...

    def make_hosts(self, cluster: Cluster) -> tuple[str, ...]:
        """Have the provider make what is missing, and return the names of those hosts."""
        ...

    def provision(self, cluster: Cluster) -> Provision:
        """Return the provider of the hosts of `cluster` at work."""
        ...

    def destroy_host(self, cluster: Cluster, name: str) -> bool:
        """Have the provider destroy one host; False where hosts are the user's own, and nothing was done."""
        ...

    def lease(self) -> RunLease:
        """Return the lease of the cluster's operations, of which one at a time changes the cluster."""
        ...

    def backup_lease(self) -> RunLease:
        """Return the lease of backups, which one run at a time takes beside whatever operation runs."""
        ...

    def drill_lease(self) -> RunLease:
        """Return the lease of restore drills, which change nothing of the cluster."""
        ...

    def delete_lease(self) -> RunLease:
        """Return the lease of whoever deletes the cluster: while a run has it, nothing else begins that can wait."""
        ...

    def log(self, text: str, *, level: Level = "info", details: Mapping[str, Detail] | None = None) -> None:
        """Write one line to the cluster's service log."""
        ...


@dataclass(frozen=True)
class Attempt:
    """One try of a task."""

    alert: Alert
    is_by_person: bool
    """Whether a person started the run."""
    is_last: bool
    """Whether the task is not tried again by itself."""

    @contextmanager
    def alerting(self, text_of: Callable[[str], str]) -> Iterator[None]:
        """Alert people of a failure, unless another try may do; `text_of` gets the error's words."""
        with telling_failure(lambda error: self._alert_of(error, text_of)):
            yield

    def _alert_of(self, error: BaseException, text_of: Callable[[str], str]) -> None:
        if self.is_last or not isinstance(error, TRANSIENT):
            self.alert(text_of(words_of(error)))


@contextmanager
def telling_failure(tell: Callable[[BaseException], None]) -> Iterator[None]:
    """Have `tell` hear of whatever makes the block fail, and raise it.

    To wait for another run, to skip, or to be told to stop is no failure. That a task takes too long is one, which
    Airflow raises as no `Exception`.
    """
    try:
        yield
    except (SkippedError, WaitingError, SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        tell(error)
        raise


def words_of(error: BaseException) -> str:
    """Return the words of an error; of one that is not ours its type too, which may be all that it says."""
    return str(error) if isinstance(error, WindlassError) else f"{type(error).__name__}: {error}"
