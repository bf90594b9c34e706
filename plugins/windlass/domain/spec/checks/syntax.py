"""The forms that names, addresses and endpoints must have; each function says what is wrong, or None."""

from __future__ import annotations

import ipaddress
import re

from windlass.domain.addresses import in_url, read_address, split_port

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PROXY_URL = re.compile(r"https?://[A-Za-z0-9._~:@%\[\]/!*+,;=-]+")
_FORM_OF_NAMES = "use lower-case letters, digits and `-`, begin and end with a letter or digit"


def wrong_label(name: str) -> tuple[str, str] | None:
    """Say what keeps `name` from being an RFC 1123 label."""
    if LABEL.fullmatch(name):
        return None
    if len(name) > 63:
        return f"the name has {len(name)} characters", "use at most 63"
    return f"`{name}` is no valid name (RFC 1123)", f"{_FORM_OF_NAMES}, such as `{_tidied(name)}`"


def wrong_dns_name(name: str) -> tuple[str, str] | None:
    """Say what keeps `name` from being an RFC 1123 subdomain: labels with dots between."""
    if len(name) > 253:
        return f"the name has {len(name)} characters", "use at most 253"
    if all(LABEL.fullmatch(label) for label in name.split(".")):
        return None
    return f"`{name}` is no valid name (RFC 1123)", f"{_FORM_OF_NAMES}; `.` stands between parts"


def is_dns_name(name: str) -> bool:
    """Say whether `name` is a DNS name, in any case, and does not look like an address."""
    return wrong_dns_name(name.lower()) is None and not re.fullmatch(r"[0-9.]+", name)


def wrong_address(text: str) -> tuple[str, str] | None:
    """Say what keeps `text` from being the IP address of a machine, in the form that certificates have it in."""
    address = read_address(text)
    if address is None:
        if "%" in text and read_address(text.split("%", maxsplit=1)[0]):
            return f"`{text}` has a zone, which other hosts have not", "give a global or unique local address"
        return f"`{text}` is no IP address", "write one such as 192.0.2.11 or 2001:db8::11"
    for is_wrong, what in (
        (address.is_unspecified, "stands for no address at all"),
        (address.is_loopback, "is a loopback address, which means another machine on each host"),
        (address.is_multicast, "is a multicast address"),
        (address == ipaddress.IPv4Address("255.255.255.255"), "is the broadcast address"),
        (address.version == 6 and address.is_link_local, "is a link-local address, which means little without a zone"),
    ):
        if is_wrong:
            return f"`{text}` {what}", "give the address at which the other hosts reach this one"
    return wrong_form(text)


def wrong_form(text: str) -> tuple[str, str] | None:
    """Say what keeps an address from being as certificates, the kernel and etcd write it (RFC 5952)."""
    address = read_address(text)
    if address is None or str(address) == text:
        return None
    return f"`{text}` is written otherwise everywhere else", f"write `{address}`"


def is_host(text: str) -> bool:
    """Say whether `text` is a DNS name or an IP address."""
    return read_address(text) is not None or is_dns_name(text)


def wrong_endpoint(text: str) -> tuple[str, str] | None:
    """Say what keeps `text` from being `host:port` with a DNS name or an IP address; IPv6 stands in brackets."""
    form = "write `host:port`, such as `k8s.example.com:6443` or `[2001:db8::10]:6443`"
    if "://" in text:
        return f"`{text}` is a URL", form
    if ":" not in text or text.endswith("]"):
        return f"`{text}` has no port", form
    host, port = split_port(text)
    if not port and text.count(":") > 1:
        return f"`{text}` is an IPv6 address without brackets", form
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        return f"`{port}` is no port", "give a number from 1 to 65535"
    if not is_host(host) or text != f"{in_url(host)}:{port}":
        return f"`{host}` is neither a DNS name nor an IP address", form
    return wrong_form(host)


def is_proxy_url(text: str) -> bool:
    """Tell whether `text` is the URL of a proxy, with no character that a shell or systemd reads as something else."""
    return _PROXY_URL.fullmatch(text) is not None


def _tidied(name: str) -> str:
    tidy = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:63].strip("-")
    return tidy or "cp-1"
