from __future__ import annotations

import pytest

from windlass.operations.rollout.api_server import is_up

STATS = """# pxname,svname,qcur,status,weight,
kubernetes,FRONTEND,,OPEN,,
api-servers,cp-1,0,UP,1,
api-servers,cp-2,0,NOLB,1,
api-servers,cp-3,0,DOWN,1,
api-servers,cp-4,0,UP 1/2,1,
"""


@pytest.mark.parametrize(
    ("server", "up"), [("cp-1", True), ("cp-2", False), ("cp-3", False), ("cp-4", True), ("cp-9", False)]
)
def test_a_server_is_up_if_the_proxy_sends_requests_to_it(server: str, *, up: bool) -> None:
    assert is_up(STATS, server) is up
