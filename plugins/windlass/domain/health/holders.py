"""Who holds the API's virtual address: what the hosts that may hold it say, each of itself, put together."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from windlass.domain.health.host_report import HOLDERS, HOLDS, NOBODY, HostReport
from windlass.domain.host.layout import ADDRESS_STACK


class AddressHolders:
    """What hosts said last of the virtual address `address`; None where the spec has none."""

    def __init__(self, address: str | None, hosts: Sequence[str]) -> None:
        """`hosts` are those that may hold it."""
        self._address = address
        self._hosts = tuple(hosts) if address is not None else ()
        self._said: dict[str, str] = {}

    def take(self, host: str, address: str, value: str) -> None:
        """Take in what a host says of `address`, if it was asked about that one."""
        if host in self._hosts and address == self._address:
            self._said[host] = value

    def report(self, heard: Collection[str]) -> HostReport | None:
        """Return what those that are `heard` say together; None where that tells nothing.

        So it is if none of them holds the address and one of them reaches it: one that is not heard holds it then.
        """
        said = {host: self._said[host] for host in self._hosts if host in heard and host in self._said}
        holders = [host for host, value in said.items() if value == HOLDS]
        if not said or not (holders or all(value == NOBODY for value in said.values())):
            return None
        return HostReport(HOLDERS, ADDRESS_STACK, " ".join((str(self._address), *holders)))
