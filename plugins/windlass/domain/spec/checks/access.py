"""Checks of how hosts and the API are reached: known hosts, bastion, endpoint, names, mirror."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlsplit

from cryptography.x509 import load_pem_x509_certificates

from windlass.domain.spec.checks.syntax import is_dns_name, is_host, wrong_address, wrong_endpoint, wrong_form
from windlass.domain.spec.flags import service_account_issuers
from windlass.domain.spec.models import Cluster, HostSsh, Ssh
from windlass.domain.spec.problem import Path, Problem

_SSH: Path = ("spec", "hosts", "ssh")
_FORM = "write it as ssh-keyscan does: `address key-type base64-key`"
_KEY_TYPE = re.compile(r"(ssh|ecdsa|sk)-[a-z0-9@.-]+")
_AUTHORITY = "@cert-authority"
_MARKERS = (_AUTHORITY, "@revoked")


def known_hosts(cluster: Cluster) -> Iterator[Problem]:
    """Check that each line of known hosts is one that SSH could use."""
    for path, lines in _known_hosts(cluster):
        yield from _lines(path, lines)


def host_authorities(cluster: Cluster) -> Iterator[Problem]:
    """Check that no authority is to vouch for hosts; a stored spec is not asked, so that it can be deleted."""
    for path, lines in _known_hosts(cluster):
        for index, line in enumerate(lines):
            if line.split()[:1] == [_AUTHORITY]:
                wrong = f"`{_AUTHORITY}` is not supported: certificates of hosts are not checked, only keys are"
                right = "give the key of each host, as `ssh-keyscan ADDRESS` prints it, compared on its console"
                yield Problem((*path, index), wrong, right)


def _known_hosts(cluster: Cluster) -> Iterator[tuple[Path, Sequence[str]]]:
    """Yield where known hosts are given, and their lines."""
    for path, ssh in _logins(cluster):
        yield (*path, "knownHosts"), ssh.known_hosts
        if ssh.bastion is not None:
            yield (*path, "bastion", "knownHosts"), ssh.bastion.known_hosts


def _logins(cluster: Cluster) -> Iterator[tuple[Path, Ssh | HostSsh]]:
    """Yield where it is said how hosts are reached: all of them, and each."""
    yield _SSH, cluster.spec.hosts.ssh
    for index, host in enumerate(cluster.spec.hosts.members):
        yield ("spec", "hosts", "members", index, "ssh"), host.ssh


def bastion(cluster: Cluster) -> Iterator[Problem]:
    """Check that each bastion has a DNS name or an address, and that a host has either one or none."""
    for path, ssh in _logins(cluster):
        given = ssh.bastion
        if given is None:
            continue
        if not is_dns_name(given.address) and (wrong := wrong_address(given.address)):
            yield Problem((*path, "bastion", "address"), wrong[0], "give the bastion's DNS name or IP address")
        if isinstance(ssh, HostSsh) and ssh.direct:
            wrong_text = "a bastion is given, and the host is to be reached without"
            yield Problem((*path, "direct"), wrong_text, "leave one of the two out")


def endpoint(cluster: Cluster) -> Iterator[Problem]:
    """Check that the API's endpoint is `host:port`, and that its further names are DNS names or addresses."""
    api = cluster.spec.api
    if api.endpoint is not None and (wrong := wrong_endpoint(api.endpoint)):
        yield Problem(("spec", "api", "endpoint"), *wrong)
    for index, name in enumerate(api.extra_names):
        path: Path = ("spec", "api", "extraNames", index)
        if not is_host(name.removeprefix("*.")):
            wrong_text = f"`{name}` is neither a DNS name nor an IP address"
            yield Problem(path, wrong_text, "write it without scheme, port and brackets")
        elif wrong := wrong_form(name):
            yield Problem(path, *wrong)


def oidc(cluster: Cluster) -> Iterator[Problem]:
    """Check what kube-apiserver checks of providers when it starts: their URLs, each once, and their CAs."""
    ours = service_account_issuers(cluster)
    seen: list[str] = []
    for index, provider in enumerate(cluster.spec.api.oidc):
        path: Path = ("spec", "api", "oidc", index)
        if not _is_issuer(provider.issuer):
            wrong = f"`{provider.issuer}` is no URL of a provider"
            yield Problem((*path, "issuer"), wrong, "write `https://host/path`, without user, query or fragment")
        if provider.issuer in seen:
            yield Problem((*path, "issuer"), f"`{provider.issuer}` is given twice", "give each provider once")
        if provider.issuer in ours:
            wrong = f"`{provider.issuer}` signs the tokens of service accounts"
            yield Problem((*path, "issuer"), wrong, "give the provider another URL than service-account-issuer")
        if provider.ca is not None and not _has_certificates(provider.ca):
            yield Problem((*path, "ca"), "it holds no certificate that can be read", "give PEM, or leave it out")
        seen.append(provider.issuer)


def _is_issuer(url: str) -> bool:
    if not _is_one_word(url):
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    is_plain = not (parts.query or parts.fragment or parts.username or parts.password)
    return parts.scheme == "https" and is_plain and is_host(host)


def _has_certificates(pem: str) -> bool:
    try:
        return bool(load_pem_x509_certificates(pem.encode()))
    except ValueError:
        return False


def mirror(cluster: Cluster) -> Iterator[Problem]:
    """Check that the mirror is a base URL, and its registry `host:port`."""
    registry = cluster.spec.artifacts.registry
    if registry is not None and wrong_endpoint(registry):
        right = "write `host:port`, such as `192.0.2.9:5000`"
        yield Problem(("spec", "artifacts", "registry"), f"`{registry}` is no address of a registry", right)
    url = cluster.spec.artifacts.mirror
    if url is None:
        return
    path = ("spec", "artifacts", "mirror")
    if not _is_base_url(url):
        yield Problem(path, f"`{url}` is no base URL", "write `http://host:port`, without user, query or fragment")
    elif cluster.spec.artifacts.source == "official":
        yield Problem(path, "a mirror is given, but artifacts come from official", "set from to mirror or auto")


CHECKS: tuple[Callable[[Cluster], Iterator[Problem]], ...] = (known_hosts, bastion, endpoint, oidc, mirror)


def _lines(path: Path, lines: Sequence[str]) -> Iterator[Problem]:
    for index, line in enumerate(lines):
        if wrong := _wrong_line(line):
            yield Problem((*path, index), wrong, _FORM)


def _wrong_line(line: str) -> str | None:
    """Say what is wrong with a line of known hosts; it is not shown, since it may hold a private key by mistake."""
    if "PRIVATE KEY" in line:
        return "this is a private key, which does not belong here (take it out, and replace the key)"
    words = line.split()
    if words and words[0].startswith("@"):
        if words[0] not in _MARKERS:
            return f"no marker `{words[0]}` is known"
        words = words[1:]
    if len(words) < 3:
        return "the line has fewer than three parts"
    if not _KEY_TYPE.fullmatch(words[1]):
        return f"`{words[1][:40]}` is no type of key"
    return _wrong_key(words[1], words[2])


def _wrong_key(kind: str, key: str) -> str | None:
    """Say what is wrong with a public key; its first field must repeat its type."""
    try:
        blob = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        return "the key is no base64"
    named = kind.encode()
    if blob[:4] != len(named).to_bytes(4, "big") or blob[4 : 4 + len(named)] != named or len(blob) < len(named) + 8:
        return f"the key is no {kind} key, or was cut off"
    return None


def _is_one_word(url: str) -> bool:
    """Say whether `url` has neither spaces nor line breaks; `urlsplit` drops the latter and reads what is left."""
    return not any(one.isspace() or not one.isprintable() for one in url)


def _is_base_url(url: str) -> bool:
    if not _is_one_word(url):
        return False
    try:
        parts = urlsplit(url)
        port_is_good = parts.port is None or parts.port > 0
    except ValueError:
        return False
    is_plain = not (parts.query or parts.fragment or parts.username or parts.password)
    host = parts.hostname or ""
    return parts.scheme in {"http", "https"} and port_is_good and is_plain and is_host(host)
