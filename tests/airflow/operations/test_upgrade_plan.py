"""What a person reads before approving an upgrade."""

from __future__ import annotations

from unittest.mock import Mock

from unit.upgrade.test_gate import MEMBERS, NAMES
from windlass.airflow.upgrade import Looked, plan_text
from windlass.domain.quorum import Membership
from windlass.domain.upgrade import ETCD, HOST, GateReport, Step

STEPS = (
    Step(ETCD, ("cp-2",), ("cp-2: etcd v3.6.16 -> v3.7.3",)),
    Step(HOST, ("cp-2",), ("cp-2: kubelet v1.36.3 -> v1.37.2",)),
)


def test_the_plan_says_what_each_step_on_etcd_does_to_its_quorum() -> None:
    passage = Mock(release=Mock(notes=("etcd moves.",)))
    looked = Looked(GateReport(()), STEPS, membership=Membership(MEMBERS, NAMES))
    assert plan_text(passage, looked, STEPS).splitlines()[-6:] == [
        "The plan, 2 steps:",
        "  etcd cp-2",
        "    - cp-2: etcd v3.6.16 -> v3.7.3",
        "    - quorum: now 3 of 3; after this step 2 of 3; tolerates 0",
        "  host cp-2",
        "    - cp-2: kubelet v1.36.3 -> v1.37.2",
    ]
