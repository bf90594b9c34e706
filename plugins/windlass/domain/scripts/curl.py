"""How a host asks over HTTP whether something serves: one curl command, built and quoted in one place."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from urllib.parse import urlsplit

from windlass.domain.addresses import in_url

Expected = Literal["any answer", "success", "success or why", "code", "connection", "way"]
_NOTHING_ANSWERS = "7|28"
"""How curl exits, as a pattern of `case`, where nothing answers: refused or no route (7), no answer in time (28).

https://everything.curl.dev/cmdline/exitcode.html. With any other failure, such as one of TLS, something did answer.
"""
_CONNECTED = "28,*Connected*|28,*Established*"
"""The same with what curl says, where a connection stood, of which no answer came in time."""
_MODES: dict[Expected, tuple[str, ...]] = {
    "any answer": ("-sS",),
    "success": ("-fsS",),
    "success or why": ("-sS", "--fail-with-body"),
    "code": ("-s", "-o", "/dev/null", "-w", "%{http_code}"),
    "connection": ("-s", "-o", "/dev/null"),
    "way": ("-sv", "-o", "/dev/null"),
}


@dataclass(frozen=True)
class CurlProbe:
    """One request, and what of its answer counts.

    `expected` is one of: `any answer`, which is printed whatever its status; `success`, which is printed, or else curl
    fails; `success or why`, of which both are printed; `code`, the status alone, 000 without one; `connection` and
    `way`, for which see `tell_unreached` and `tell_blocked`.
    """

    url: str
    within: timedelta
    """Until all of the answer has come."""
    expected: Expected = "success"
    ca: str = ""
    """File of the CA that the server's certificate must be of; empty for those that the host itself trusts."""
    server_name: str = ""
    """Name that the server's certificate must be for; empty for the host in `url`."""
    client: str = ""
    """Path without suffix of the client certificate (.crt) and its key (.key)."""
    is_trusted: bool = False
    """Whether any certificate will do: who answers there is known by the way there, or does not matter."""
    connects_within: timedelta | None = None
    is_outside: bool = False
    """Whether a proxy of the host's environment is asked, if it has one. Inside, between hosts and on them, none is."""
    is_silent: bool = False
    """Whether an answer is not printed."""
    others: tuple[str, ...] = ()
    """Further options, such as a method or a header."""

    @property
    def argv(self) -> tuple[str, ...]:
        """Return the command."""
        return ("curl", *_MODES[self.expected], *self._trust(), *self._limits(), *self.others, self._asked())

    def __str__(self) -> str:
        """Return the command as a shell takes it."""
        return shlex.join(self.argv)

    def _asked(self) -> str:
        """Return the URL with the name to verify in the place of the host, which `_trust` has curl connect to."""
        parts = urlsplit(self.url)
        host = f"{self.server_name}:{parts.port}" if parts.port else self.server_name
        return parts._replace(netloc=host).geturl() if self.server_name else self.url

    def _limits(self) -> Iterator[str]:
        if self.is_silent:
            yield from ("-o", "/dev/null")
        if self.connects_within is not None:
            yield from ("--connect-timeout", _seconds(self.connects_within))
        yield from ("--max-time", _seconds(self.within))

    def _trust(self) -> Iterator[str]:
        if self.is_trusted:
            yield "--insecure"
        if self.ca:
            yield from ("--cacert", self.ca)
        if not self.is_outside:
            yield from ("--noproxy", "*")
        if self.server_name:
            yield from ("--connect-to", f"::{in_url(urlsplit(self.url).hostname or '')}:")
        if self.client:
            yield from ("--cert", f"{self.client}.crt", "--key", f"{self.client}.key")


def tell_unreached(probe: CurlProbe, line: str) -> str:
    """Return the shell line that asks, in the background, and prints `line` if nothing at all answers."""
    return f"( {probe} >/dev/null 2>&1; case $? in {_NOTHING_ANSWERS}) echo {shlex.quote(line)} ;; esac ) &"


def tell_blocked(probe: CurlProbe, line: str) -> str:
    """Return the shell line that tries, in the background, and prints `line` if packets do not come through.

    Where nothing listens yet a host refuses at once, which says so much as an answer; a firewall that drops, or that
    says `no route to host`, does not. Any other end says that somebody is there.
    """
    there = f"7,*refused*|{_CONNECTED}"
    return (
        f"( said=$(LC_ALL=C {probe} 2>&1); case $?,$said in {there}) ;; 7,*|28,*) echo {shlex.quote(line)} ;; esac ) &"
    )


CONNECTS = f"""connects() {{ # words of curl
  said=$(LC_ALL=C "$@" </dev/null 2>&1); ended=$?
  case $ended,$said in 0,*|{_CONNECTED}) echo 200 ;; *) echo 000; return $ended ;; esac
}}
"""
"""A shell function that prints 200, as HTTP has for what is well, if a connection comes about, and 000 else.

By telnet, which sends nothing, in the mode `way`. Whether that is over when its input ends depends on curl's version;
a service that says nothing of itself, such as a database, is then heard for as long as the probe may take.
"""


def require_connection(probe: CurlProbe) -> str:
    """Return the shell lines that fail, with curl's words for why, unless a connection comes about."""
    return f"""{CONNECTS}connects {probe} >/dev/null && exit 0
code=$?
printf '%s\\n' "$said" | grep -i 'fail\\|refused\\|timed out\\|resolve' | tail -n 1 | sed 's/^\\* *//' >&2
exit $code
"""


def _seconds(time: timedelta) -> str:
    return f"{time.total_seconds():g}"
