"""What a command came to: what it prints for whoever gave it, and its exit code."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from windlass.domain.bounded import read_from
from windlass.errors import NotReadyError

MOST_BYTES = 8 * 1024 * 1024
"""Of an answer: Airflow keeps it in its database."""


def answer_context(run_id: str, command: str, cluster: str) -> str:
    """Return what an answer is bound to, so that one cannot stand in for another: run, command and cluster."""
    return json.dumps([run_id, command, cluster])


@dataclass(frozen=True)
class Answer:
    """The lines of a command, which may be secret, and its exit code."""

    out: tuple[str, ...] = field(repr=False)
    """For the standard output."""
    err: tuple[str, ...] = field(repr=False)
    """For people, beside it."""
    exit_code: int = 0

    def to_bytes(self) -> bytes:
        """Return it as JSON; NotReadyError if there is too much of it."""
        data = json.dumps({"out": self.out, "err": self.err, "exit_code": self.exit_code}).encode()
        if len(data) > MOST_BYTES:
            raise NotReadyError(
                f"the answer has {len(data)} bytes, and {MOST_BYTES} at most go through Airflow; "
                "run the command where Airflow runs"
            )
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> Answer:
        """Read what `to_bytes` wrote; IntegrityError if it is something else."""
        with read_from("the answer to the command", "see whether Airflow's Windlass is as new as this one"):
            found = json.loads(data)
            out, err = (tuple(str(line) for line in found[name]) for name in ("out", "err"))
            return cls(out, err, int(found["exit_code"]))
