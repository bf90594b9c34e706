from __future__ import annotations

from windlass.domain.artifacts import Artifact, Lock, Locked
from windlass.domain.rollout.gate import GateLevel
from windlass.domain.rollout.gate_artifacts import lock_finding

MIRROR = "http://192.0.2.1:8080"
ETCD = Artifact("image", "etcd", "v3.7.3")


def lock(digit: str) -> Lock:
    return Lock("modules", {ETCD: Locked(f"sha256:{digit * 64}", 1, "build")})


def test_another_lock_of_the_mirror_is_told_with_the_command_and_holds_nothing_up() -> None:
    found = lock_finding(MIRROR, lock("1"), lock("2"))
    assert found.verdict is GateLevel.WARNING
    assert "image:etcd:v3.7.3: sha256:111111111111 → sha256:222222222222" in found.text
    assert f"windlass mirror accept {MIRROR} --digest sha256:" in found.remedy


def test_the_accepted_lock_passes() -> None:
    assert lock_finding(MIRROR, lock("1"), lock("1")).verdict is GateLevel.PASSED
