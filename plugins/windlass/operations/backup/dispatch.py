"""Which clusters are due for a backup, and whose backups do not come."""

from __future__ import annotations

from datetime import UTC, datetime

from windlass.domain.backup.schedule import BackupProgress, is_due, overdue_since, unsafe_beside
from windlass.effects.bundles import Vault
from windlass.errors import UNREADABLE
from windlass.operation_names import Operation
from windlass.operations.backup.status import how_old, progress_of, should_notify
from windlass.operations.run import Alert, ClusterRun, Tell
from windlass.operations.stand_back import why_stand_back


def should_start_backup(run: ClusterRun, alert: Alert, tell: Tell) -> bool:
    """Tell whether a backup of the cluster should begin now, and alert people of backups that do not come.

    A cluster that cannot be looked at is told, and not due: it holds up no other.
    """
    try:
        if why := why_stand_back(run):
            tell(f"no backup is started: {why}")
            return False
        return _should_start(run, alert)
    except UNREADABLE as error:
        tell(f"{run.name}: whether a backup is due cannot be told: {error}")
        return False


def _should_start(run: ClusterRun, alert: Alert) -> bool:
    cluster, now = run.cluster(), datetime.now(UTC)
    schedule = cluster.spec.backup.schedule
    if schedule is None:
        return False
    vault = run.vault(cluster)
    progress = progress_of(vault, run.backup_lease().last())
    _alert_if_overdue(run, vault, schedule, progress, alert)
    why_not = unsafe_beside(run.lease().effective(), has_bundles=bool(progress.newest))
    return not why_not and is_due(schedule, run.name, progress, now)


def _alert_if_overdue(run: ClusterRun, vault: Vault, schedule: str, progress: BackupProgress, alert: Alert) -> None:
    if progress.newest is None:
        return
    now = datetime.now(UTC)
    is_overdue = overdue_since(schedule, progress.newest, now) is not None
    told = should_notify(run.store, run.name, is_overdue=is_overdue, now=now)
    if told == "missing":
        alert(f"backups do not come; {how_old(vault, now)}; see the runs of {Operation.BACK_UP}")
    elif told == "over":
        alert(f"backups come again; {how_old(vault, now)}", level="info")
