"""Whether two people must be behind what a run does, and that they are: asked before it, checked when it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from windlass.domain.approval import (
    SECOND,
    Matter,
    SecondApproval,
    check_second_approval,
    second_approval,
    why_two_people,
)
from windlass.domain.spec.models import Cluster
from windlass.errors import RefusedError
from windlass.operations.run import ClusterRun, Tell


@dataclass(frozen=True)
class TwoPeople:
    """A demand for two people: why, and the digest of what the second is asked about."""

    why: str
    digest: str

    def refuse_in_advance(self, run: ClusterRun, *, auto_approve: bool) -> None:
        """RefusedError if the run would answer for the second person, or nobody could be another than who started it.

        Told before anybody is asked in vain.
        """
        if auto_approve:
            raise RefusedError(
                f"{run.name}: {self.why}, so that no run approves itself; start it without `auto_approve`"
            )
        if not run.requester:
            second_approval(self._by(run, ""))

    def approve(self, run: ClusterRun, approver: str, tell: Tell) -> dict[str, str]:
        """Return the signed approval by `approver`; RefusedError if that is who asked, or not known."""
        approval = second_approval(self._by(run, approver))
        tell(approval.text)
        return approval.value(run.keys)

    def check(self, run: ClusterRun, answer: Mapping[str, Any] | None) -> None:
        """RefusedError unless `answer`, the approval's result, is somebody else's approval of just this."""
        second = answer.get(SECOND) if isinstance(answer, Mapping) else None
        approval = check_second_approval(second, self._by(run, ""), run.keys)
        run.log(f"{run.owner.dag_id}: {approval.text}")

    def _by(self, run: ClusterRun, approver: str) -> SecondApproval:
        return SecondApproval(run.name, str(run.owner), self.digest, run.requester, approver)


def demand_of(
    matter: Matter, deciding: Cluster | None, digest: str, desired: Cluster | None = None
) -> TwoPeople | None:
    """Return the demand, None if one person will do; `deciding` is the stored spec, `desired` the one to come."""
    why = why_two_people(matter, deciding, desired)
    return TwoPeople(why, digest) if why else None


def refuse_without_approval(deciding: Cluster | None, desired: Cluster) -> None:
    """RefusedError where a spec that nobody is asked about would change what two people decide on."""
    if deciding is None:
        return
    for matter in Matter:
        if matter.setting(deciding) != matter.setting(desired) and why_two_people(matter, deciding):
            raise RefusedError(
                f"{desired.name}: {matter.value} is {matter.setting(deciding)}, and a creation asks nobody; give a "
                "spec that leaves it so, and change it by an apply once the cluster is there"
            )
