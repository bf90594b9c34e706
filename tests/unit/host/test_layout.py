"""What is shipped to hosts imports nothing of Windlass: what it writes out is what the layout says."""

from __future__ import annotations

from windlass.domain.host import layout
from windlass.effects.probe import host_report


def test_the_report_of_a_host_looks_where_files_are() -> None:
    assert host_report.PKI == layout.PKI
    assert host_report.API_SERVER_NAME == layout.API_SERVER_NAME
    assert layout.DATA in host_report.DISKS
