"""Addresses of both IP families, and how they stand beside a port: the one place that knows IPv6's brackets."""

from __future__ import annotations

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Range = ipaddress.IPv4Network | ipaddress.IPv6Network


def read_address(text: str) -> Address | None:
    """Read an IP address without a zone; None if `text` is none."""
    try:
        return ipaddress.ip_address(text) if "%" not in text else None
    except ValueError:
        return None


def read_range(text: str) -> Range | None:
    """Read a CIDR without host bits; None if `text` is none."""
    try:
        return ipaddress.ip_network(text) if "/" in text and "%" not in text else None
    except ValueError:
        return None


def family(text: str) -> int:
    """Return 4 or 6 for an address or a range that was checked before."""
    return 6 if ":" in text else 4


def in_url(host: str) -> str:
    """Return a host as it stands in a URL or before a port: an IPv6 address in brackets (RFC 3986, section 3.2.2)."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def host_port(host: str, port: int) -> str:
    """Return ``host:port``, with brackets around an IPv6 address."""
    return f"{in_url(host)}:{port}"


def split_port(text: str) -> tuple[str, str]:
    """Split ``host:port`` and ``[address]:port``; the port is empty where there is none, as in a bare address."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest.removeprefix(":")
    if text.count(":") > 1:
        return text, ""
    host, _, port = text.partition(":")
    return host, port
