"""Requests that other sites have a browser send, with the login that it holds: they change nothing.

The login of Airflow's UI is a cookie (`SameSite=Lax`). A browser sends it along with what another origin of the same
site has it post: another port of the host, another name below the domain. Such a request is told by what browsers say
of it themselves, `Sec-Fetch-Site` and `Origin` (https://www.w3.org/TR/fetch-metadata/; net/http.CrossOriginProtection
of Go judges alike). What is no browser sends neither, and no cookie.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""
_OWN_SITES = frozenset({"same-origin", "none"})
_REFUSED = (
    "this request comes from another site ({}), and its login from your browser's cookie; "
    "act on Windlass's own page, or send a token"
)


def why_foreign(method: str, headers: Mapping[str, str], own_url: str = "") -> str:
    """Return why a request that would change something is refused; empty if it is not.

    `headers` have lower-case names. `own_url` is where people reach Airflow, if that is another host than the proxy in
    front says.
    """
    # What Airflow takes for a login before it looks for a cookie.
    if method in READING or headers.get("authorization", "").lower().startswith("bearer "):
        return ""
    site = headers.get("sec-fetch-site")
    if site:
        return "" if site in _OWN_SITES else _REFUSED.format(site)
    origin = headers.get("origin")
    if not origin:
        return ""
    own = {headers.get("host", ""), urlsplit(own_url).netloc} - {""}
    return "" if urlsplit(origin).netloc in own else _REFUSED.format(origin)
