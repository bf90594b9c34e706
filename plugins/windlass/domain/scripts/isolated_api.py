"""Many requests to the throwaway API server by one command on its host: what curl is told, and how answers are read.

What is asked for goes to curl by its standard input and not in its words, which the host's process list shows: objects
that are written may hold secrets. https://curl.se/docs/manpage.html#-K has the form of that input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from windlass.domain.host.layout import API_PORT, API_SERVER_NAME
from windlass.domain.scripts.script import Script
from windlass.errors import NotReadyError

ETCD = "windlass-drill-etcd"
"""The container whose network namespace both servers share."""
EACH = timedelta(seconds=60)
"""How long curl waits for one answer."""
LARGEST = 256 * 1024 * 1024
"""Bytes of all answers to one batch of requests."""
JSON = "application/json"
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


@dataclass(frozen=True)
class ApiRequest:
    """One request."""

    path: str
    """With its query, percent-encoded."""
    method: str = "GET"
    body: str = field(default="", repr=False)
    """JSON; empty for none."""
    accept: str = JSON
    content_type: str = JSON
    """Of the body."""


@dataclass(frozen=True)
class IsolatedAnswer:
    """What came back."""

    status: int
    """Of HTTP; 0 where nothing answered."""
    body: str = field(repr=False)

    @property
    def is_good(self) -> bool:
        """Tell whether it was answered as asked."""
        return 200 <= self.status < 300


def exchange_script() -> Script:
    """Return the script that does the requests on its standard input, from within the servers' own network."""
    enter = f"nsenter --net=/proc/$(docker inspect -f '{{{{.State.Pid}}}}' {ETCD})/ns/net"
    return Script("ask-isolated-api", {}, f"exec {enter} curl --config -\n", is_look=True)


def exchange_input(requests: Sequence[ApiRequest], pki: str, mark: str) -> str:
    """Return what curl reads: the requests in turn, over one connection; `pki` is the directory of the certificates.

    `mark` ends each answer, and must stand in none.
    """
    return "\nnext\n".join("\n".join(_section(one, pki, mark)) for one in requests) + "\n"


def _section(request: ApiRequest, pki: str, mark: str) -> list[str]:
    told = {
        "url": f"https://{API_SERVER_NAME}:{API_PORT}{request.path}",
        "connect-to": "::127.0.0.1:",
        "noproxy": "*",
        "cacert": f"{pki}/ca.crt",
        "cert": f"{pki}/client.crt",
        "key": f"{pki}/client.key",
        "max-time": f"{EACH.total_seconds():g}",
        "user-agent": "windlass",
        "write-out": f"\n{mark} %{{http_code}}\n",
        "request": request.method,
    }
    headers = [f"Accept: {request.accept}"]
    if request.body:
        told["data-raw"] = request.body
        headers += [f"Content-Type: {request.content_type}", "Expect:"]
    options = [f'{name} = "{value.translate(_ESCAPED)}"' for name, value in told.items()]
    return ["silent", "show-error", "globoff", *options, *(f'header = "{one}"' for one in headers)]


def read_answers(output: str, count: int, mark: str) -> list[IsolatedAnswer]:
    """Return the answers in what curl printed; NotReadyError unless there are `count`."""
    parts = output.split(f"\n{mark} ")
    answers, body = [], parts[0]
    for part in parts[1:]:
        code, _, following = part.partition("\n")
        answers.append(IsolatedAnswer(int(code) if code.isdecimal() else 0, body))
        body = following
    if len(answers) != count:
        raise NotReadyError(f"the throwaway API server has answered {len(answers)} of {count} requests")
    return answers
