"""How safe a cluster is, by the CIS Kubernetes Benchmark: a list of controls, and checks of what hosts and API tell.

Numbers are the benchmark's, of version 1.12 (https://www.cisecurity.org/benchmark/kubernetes); words and checks are
ours.
"""

from windlass.domain.hardening.control import Control, Outcome, Verdict
from windlass.domain.hardening.facts import ApiAudit, FileAccess, HostAudit
from windlass.domain.hardening.report import BENCHMARK, CONTROLS, AuditReport, ControlFinding, audit, controls_table

__all__ = [
    "BENCHMARK",
    "CONTROLS",
    "ApiAudit",
    "AuditReport",
    "Control",
    "ControlFinding",
    "FileAccess",
    "HostAudit",
    "Outcome",
    "Verdict",
    "audit",
    "controls_table",
]
