"""A plan of what comes back, as people read it and as it goes from task to task: no content of any object."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from windlass.domain.approval import digest_of
from windlass.domain.bounded import bounded_lines
from windlass.domain.markdown import escape, first_of, item, section
from windlass.domain.restore.plan import Fate, RestoreItem, RestorePlan
from windlass.domain.restore.wanted_parts import prepared
from windlass.domain.spec.private import Fingerprint
from windlass.errors import RefusedError
from windlass.operation_names import Operation

_TITLES = {
    Fate.CREATE: "Made",
    Fate.OVERWRITE: "Put back as the bundle has them",
    Fate.CONFLICT: "Not possible",
    Fate.SAME: "As the bundle has them already",
    Fate.LEFT_OUT: "Left to what makes them",
}
_SHOWN, _FIELDS = 40, 10
"""How many objects of a fate are listed, and how many fields of one."""
_MOST = 500
"""Objects that are told one by one in the result of a task; all are in its log."""


@dataclass(frozen=True)
class RestoreHandover:
    """What was planned."""

    bundle: str
    subject: str
    digest: str
    """Of all that is to be done, contents included: what an approval is for."""
    counts: Mapping[str, int]
    """Objects by what becomes of them."""
    approved: str
    """Why nobody is asked; empty if a person is to be."""
    text: str
    question: str

    @property
    def writes(self) -> int:
        """Return how many objects are to be written."""
        return self.counts.get(Fate.CREATE.value, 0) + self.counts.get(Fate.OVERWRITE.value, 0)

    def value(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {**asdict(self), "counts": dict(self.counts)}

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> RestoreHandover:
        """Read what `value` wrote."""
        return cls(**value)

    def check_same(self, digest: str) -> None:
        """RefusedError if something else is to be done now than what was shown."""
        if digest != self.digest:
            raise RefusedError(
                f"what lives has changed since this was planned ({self.subject} from bundle {self.bundle}); nothing "
                f"was changed: trigger {Operation.RESTORE_OBJECTS} again, and look at its plan"
            )


def handover_of(
    plan: RestorePlan, bundle: str, subject: str, approved: str, fingerprint: Fingerprint
) -> RestoreHandover:
    """Return the plan for the tasks after it."""
    counts = {fate.value: len(plan.of(fate)) for fate in Fate if plan.of(fate)}
    digest = digest_of([bundle, list(plan_lines(plan)), fingerprint(_contents(plan))])
    summary = f"{subject} from bundle {bundle}: {counts_text(counts)}"
    lines = first_of(list(plan_lines(plan)), _MOST, "lines")
    text = "\n".join([summary, *lines])
    question = _question(plan, subject, bundle, summary)
    return RestoreHandover(bundle, subject, digest, counts, approved, text, question)


def counts_text(counts: Mapping[str, int]) -> str:
    """Say how many objects become what."""
    return ", ".join(f"{count} {fate}" for fate, count in counts.items()) or "no object"


def plan_lines(plan: RestorePlan) -> Iterator[str]:
    """Yield a line for each object, what is to be done first, with a line for each field that differs."""
    for fate in Fate:
        for one in plan.of(fate):
            yield line_of(one)
            yield from (f"  {field}" for field in bounded_lines(map(str, one.fields)))


def line_of(one: RestoreItem) -> str:
    """Say what becomes of an object."""
    return f"{one.fate.value} {one.ref}{f': {one.why or one.note}' if one.why or one.note else ''}"


def _contents(plan: RestorePlan) -> str:
    """Return what is written as one text, without what changes of itself in objects that live."""
    documents = [None if one.document is None else prepared(one.document) for one in plan.items]
    return json.dumps(documents, sort_keys=True)


def _question(plan: RestorePlan, subject: str, bundle: str, summary: str) -> str:
    parts = [f"## Bring {escape(subject)} back from bundle {escape(bundle)}?", escape(summary)]
    parts += [section(_TITLES[fate], _listed(plan.of(fate))) for fate in Fate]
    return "\n\n".join(part for part in parts if part)


def _listed(items: Iterable[RestoreItem]) -> list[str]:
    told = []
    for one in items:
        why = one.why or one.note
        below = first_of([escape(str(field)) for field in one.fields], _FIELDS, "fields")
        told.append(item(f"**{escape(str(one.ref))}**{f': {escape(why)}' if why else ''}", below))
    return first_of(told, _SHOWN, "objects (all of them: the log of the task `plan`)")
