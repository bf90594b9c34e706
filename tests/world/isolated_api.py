"""The throwaway API server of an isolated place, as far as `curl` with its requests on standard input is answered."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from world.kubernetes import KINDS, plural_of

Objects = Mapping[tuple[str, str, str], Mapping[str, Any]]
REFUSED = "world/refused"
"""An annotation of what this server takes from nobody."""
_OPTION = re.compile(r'^([a-z-]+) = "((?:[^"\\]|\\.)*)"$', re.MULTILINE)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_PATH = re.compile(
    r"/(?:api|apis)/(?P<version>(?:[^/]+/)?v\w+)(?:/namespaces/(?P<namespace>[^/]+)(?=/))?/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?"
)


def serve(far: socket.socket, objects: Callable[[], Objects]) -> int:
    """Answer all requests that come on a stream."""
    told = bytearray()
    while data := far.recv(65536):
        told += data
    far.sendall(answer(told.decode(), objects()).encode())
    return 0


def answer(told: str, objects: Objects) -> str:
    """Return what curl prints for what it is told."""
    printed = ""
    for section in told.split("\nnext\n"):
        options = {name: _plain(value) for name, value in _OPTION.findall(section)}
        status, body = _answer(options, objects)
        printed += json.dumps(body) + "\n" + options["write-out"].replace("%{http_code}", str(status))
    return printed


def _plain(value: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), value)


def _answer(options: Mapping[str, str], objects: Objects) -> tuple[int, Any]:
    path = urlsplit(options["url"]).path
    if path in {"/api", "/apis"}:
        return 200, {"items": [_group(group, path) for group in KINDS if ("/" in group) is (path == "/apis")]}
    match = _PATH.fullmatch(path)
    assert match is not None, path
    plural, namespace, name = match["plural"], match["namespace"] or "", match["name"]
    if options["request"] != "GET":
        written = json.loads(options["data-raw"])
        is_refused = REFUSED in (written["metadata"].get("annotations") or {})
        return (422, {"kind": "Status", "message": "spec.old: Forbidden"}) if is_refused else (200, written)
    if name is None:
        found = [one for key, one in sorted(objects.items()) if key[0] == plural and namespace in {"", key[1]}]
        return 200, {"items": found, "metadata": {}}
    one = objects.get((plural, namespace, name))
    return (200, one) if one is not None else (404, {"kind": "Status", "message": "not found"})


def _group(api_version: str, path: str) -> dict[str, Any]:
    group, _, version = api_version.rpartition("/")
    resources = [
        {
            "resource": plural_of(kind),
            "responseKind": {"kind": kind},
            "scope": "Namespaced" if is_namespaced else "Cluster",
            "verbs": ["create", "get", "list", "update"],
        }
        for kind, is_namespaced in KINDS[api_version].items()
    ]
    return {"metadata": {"name": group} if group else {}, "versions": [{"version": version, "resources": resources}]}
