"""Every error that Windlass raises on purpose.

All derive from `WindlassError`. What `TRANSIENT` lists is worth another try; `SkippedError` is no failure; whatever
else is raised needs a person or another input. A message says where, what, why and what to do next:
``cp-1: `docker compose up -d etcd` exited 1: no space left on device; free space under /var/lib/docker``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class WindlassError(Exception):
    """The root of all errors raised on purpose."""


class SpecError(WindlassError):
    """A cluster spec is invalid; the message lists every problem with file, line and path."""


class UnreachableError(WindlassError):
    """A host, or the service on it, could not be reached or did not answer in time."""


class RefusedError(WindlassError):
    """A guard, a gate or a lease forbids the step; the message gives the reason and the way out."""


class LostLeaseError(RefusedError):
    """The run no longer holds the lease that it works under, or cannot tell; it changes nothing any more."""


class ForeignHostError(RefusedError):
    """A host is another cluster's by its mark; nothing was done to it."""

    def __init__(self, host: str, cluster: str) -> None:
        self.host, self.cluster = host, cluster
        super().__init__(
            f"{host}: it belongs to the cluster `{cluster}`, and was left alone; delete that cluster first, or take "
            "the host out of one of the two specs"
        )


class IntegrityError(WindlassError):
    """Content is not what it should be: a checksum, a seal or a host key does not match."""


class LostObjectError(IntegrityError):
    """An object of the store is gone that Windlass did not remove."""


class NotReadyError(WindlassError):
    """Something is not ready yet; the same step may work later."""


class WaitingError(NotReadyError):
    """The step has to wait for another run; nothing has failed."""


class SkippedError(WindlassError):
    """The step is not to be done by this run, which is no failure; the message gives the reason."""


@dataclass(frozen=True)
class CommandFailure:
    """What is known of a command that failed: where it ran, its words, how it ended, its last output."""

    host: str
    argv: Sequence[str]
    exit_code: int
    stderr: str


class CommandError(WindlassError):
    """A command on a host exited with another code than 0."""

    def __init__(self, failure: CommandFailure, advice: str = "") -> None:
        self.failure = failure
        last = failure.stderr.strip().splitlines()[-1] if failure.stderr.strip() else "no output on stderr"
        hint = f"; {advice}" if advice else ""
        super().__init__(f"{failure.host}: `{' '.join(failure.argv)}` exited {failure.exit_code}: {last}{hint}")


_EXIT_CODES: tuple[tuple[type[WindlassError], int], ...] = ((SpecError, 2), (RefusedError, 3), (UnreachableError, 4))


def exit_code(error: WindlassError) -> int:
    """Return the exit code of a command that ends with this error: 2 wrong use, 3 refused, 4 unreachable, else 1."""
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), 1)


TRANSIENT: tuple[type[WindlassError], ...] = (NotReadyError, UnreachableError)
"""What may pass by itself: the only errors, with those that derive from them, after which a step is tried again."""

MALFORMED = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What reading a document raises that has another form: also one nested too deeply, or with a number too large."""

UNREADABLE: tuple[type[Exception], ...] = (WindlassError, *MALFORMED)
"""What reading a cluster's objects in the store may end with, where something lies there that Windlass did not write.

For whoever goes through all clusters, and has to go on with the others: besides our own errors those of libraries.
"""
