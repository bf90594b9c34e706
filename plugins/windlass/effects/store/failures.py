"""What boto3's errors mean for Windlass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 (boto3's own, unlike Python's)
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ResponseStreamingError,
)

from windlass.errors import RefusedError, UnreachableError, WindlassError

MISSING = frozenset({"NoSuchKey", "404"})
LOST_RACE = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409", "NoSuchUpload", *MISSING})
"""A conditional write did not happen: the object was not as the condition says, or the same write came before."""
CONDITIONS = (
    "Windlass needs a server that writes on conditions (If-None-Match and If-Match), or two runs could hold one lease: "
    "see docs/store.md"
)
_CONNECTION = "windlass_store"


def code_of(error: ClientError) -> str:
    """Return the code in the server's answer, such as `NoSuchKey`; the HTTP status where it gave none."""
    code = error.response.get("Error", {}).get("Code")
    return code or str(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))


@contextmanager
def translated(place: str, doing: str) -> Iterator[None]:
    """Turn boto3's errors into Windlass's, with the store, what was being done, the reason and the way out."""
    try:
        yield
    except ClientError as error:
        raise _answered(f"{place}: {doing}", error) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise RefusedError(
            f"{place}: {doing}: there are no credentials; set login and password in the connection `{_CONNECTION}`"
        ) from error
    except (ConnectionError, HTTPClientError, ResponseStreamingError) as error:
        raise UnreachableError(
            f"{place}: {doing}: {error}; is the server up, and `endpoint_url` in the connection `{_CONNECTION}` right?"
        ) from error
    except BotoCoreError as error:
        raise RefusedError(f"{place}: {doing}: {error}; see the connection `{_CONNECTION}`") from error


def _answered(where: str, error: ClientError) -> WindlassError:
    code, status = code_of(error), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    reason = error.response.get("Error", {}).get("Message", "") or "no reason given"
    if status == 501 or code == "NotImplemented":
        return RefusedError(f"{where}: the server cannot do this ({code}: {reason}); {CONDITIONS}")
    if status >= 500 or code in {"SlowDown", "RequestTimeout", "Throttling"}:
        return UnreachableError(f"{where}: the server failed ({code}: {reason}); see its log")
    if code == "NoSuchBucket":
        return RefusedError(f"{where}: there is no such bucket; create it, or correct `bucket` in `{_CONNECTION}`")
    return RefusedError(f"{where}: {code}: {reason}; see what the credentials in `{_CONNECTION}` may do")
