"""What gRPC's errors mean for Windlass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from windlass.errors import IntegrityError, NotReadyError, RefusedError, UnreachableError, WindlassError

_TRANSIENT = (
    "no leader",
    "leader changed",
    "too many requests",
    "in sync with leader",
    "unhealthy cluster",
    "not enough started members",
    "request timed out",
    "server stopped",
)
"""Words of etcd's answers to what may succeed later (api/v3rpc/rpctypes/error.go)."""
_ADVICE = {
    "database space exceeded": "compact and defragment, clear the alarm, or raise `etcd.quotaBytes` in the spec",
    "certificate": "the certificates do not fit together; seed them again",
}


@contextmanager
def translated(member: str, doing: str) -> Iterator[None]:
    """Turn gRPC's errors into Windlass's, with the member, what was being done, the reason and the way out."""
    try:
        yield
    except grpc.RpcError as error:
        raise _failure(f"{member}: etcd: {doing}", error) from error


def code_of(error: grpc.RpcError) -> grpc.StatusCode:
    """Return the status code; UNKNOWN where the error carries none."""
    code = getattr(error, "code", None)
    return code() if callable(code) else grpc.StatusCode.UNKNOWN


def _failure(where: str, error: grpc.RpcError) -> WindlassError:
    code, reason = code_of(error), _reason(error)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return UnreachableError(f"{where}: no answer in time ({reason}); it may have happened all the same, look again")
    if any(words in reason for words in _TRANSIENT):
        return NotReadyError(f"{where}: {reason}; wait until the cluster has a leader and its members keep up")
    if code is grpc.StatusCode.UNAVAILABLE:
        return UnreachableError(f"{where}: {reason}; {_advice(reason, 'see whether the member runs')}")
    if code in {grpc.StatusCode.DATA_LOSS, grpc.StatusCode.INTERNAL}:
        return IntegrityError(f"{where}: {reason}; {_advice(reason, 'see its log')}")
    return RefusedError(f"{where}: {code.name}: {reason}; {_advice(reason, 'see its log')}")


def _reason(error: grpc.RpcError) -> str:
    details = getattr(error, "details", None)
    return (details() if callable(details) else None) or "no reason given"


def _advice(reason: str, default: str) -> str:
    return next((advice for words, advice in _ADVICE.items() if words in reason.lower()), default)
