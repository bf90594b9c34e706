"""What the Kubernetes API's refusals mean for Windlass."""

from __future__ import annotations

import httpx

from windlass.domain.masking import mask_api_message
from windlass.errors import MALFORMED, NotReadyError, RefusedError, WindlassError

_TRANSIENT = {408, 429, 500, 502, 503, 504}
_NO_ACCOUNT_YET = "error looking up service account"
"""Of a pod in a namespace that was just made, whose accounts are not: a 403 that is none of rights.

https://github.com/kubernetes/kubernetes/blob/v1.37.0/plugin/pkg/admission/serviceaccount/admission.go
"""


def failure(response: httpx.Response, doing: str) -> WindlassError:
    """Return the error for an answer to `doing` that refuses it: NotReadyError for what may succeed in a moment."""
    reason = reason_of(response)
    message = f"{doing}: {response.status_code} {reason}"
    if response.status_code in _TRANSIENT or (
        response.status_code == httpx.codes.FORBIDDEN and _NO_ACCOUNT_YET in reason
    ):
        return NotReadyError(message)
    if response.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        return RefusedError(f"{message}; check the certificate's user and groups, and RBAC")
    return WindlassError(message)


def reason_of(response: httpx.Response) -> str:
    """Return why the API refuses, in its own words, without what may be secret."""
    try:
        return mask_api_message(str(response.json()["message"])[:5000])
    except MALFORMED:
        return response.text[:500]
