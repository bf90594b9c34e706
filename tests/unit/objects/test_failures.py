"""A refusal of the Kubernetes API that passes is waited out; one of rights is not."""

from __future__ import annotations

import httpx
import pytest

from windlass.effects.kubernetes.failures import failure
from windlass.errors import NotReadyError, RefusedError, WindlassError

# As v1.37.2 answers whoever applies a pod a moment after its namespace.
_NO_ACCOUNT = (
    'pods "near" is forbidden: error looking up service account own/default: serviceaccount "default" not found'
)
_NO_RIGHT = 'pods is forbidden: User "eve" cannot create resource "pods" in API group "" in the namespace "own"'


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (403, _NO_ACCOUNT, NotReadyError),
        (503, "no endpoints available for service", NotReadyError),
        (403, _NO_RIGHT, RefusedError),
        (401, "Unauthorized", RefusedError),
        (422, "spec.containers: Required value", WindlassError),
    ],
)
def test_each_refusal_is_an_error_of_its_kind_with_the_apis_own_words(
    status: int, message: str, expected: type[WindlassError]
) -> None:
    found = failure(httpx.Response(status, json={"message": message}), "api: cannot apply Pod near")

    assert type(found) is expected
    assert str(found).startswith(f"api: cannot apply Pod near: {status} {message}")
