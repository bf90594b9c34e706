"""Why Airflow, or Windlass's plugin in it, answers a request with an error."""

from __future__ import annotations

import httpx

_NO_SUCH_PATH = "Not Found"
"""What FastAPI says of a path that it does not have; Windlass's own answers say what is not there."""


def is_token_refused(answer: httpx.Response) -> bool:
    """Tell whether a token has run out, or was never one of this Airflow's keys or users."""
    if answer.status_code == httpx.codes.FORBIDDEN:
        return detail(answer) == "Invalid JWT token"
    return answer.status_code == httpx.codes.UNAUTHORIZED


def why_refused(answer: httpx.Response) -> str:
    """Return why Windlass's own API refuses."""
    if detail(answer) != _NO_SUCH_PATH:
        return detail(answer)
    return "it has no Windlass, or an older one that does not know this; bring it to the version that is here"


def detail(answer: httpx.Response) -> str:
    """Return the words of an answer that is none, of bounded length."""
    try:
        return str(answer.json().get("detail", answer.text))[:500]
    except ValueError:
        return answer.text[:500]
