"""The cluster spec: a YAML document, parsed once into frozen models, with every problem told at once."""

from windlass.domain.spec.checks import problems
from windlass.domain.spec.diff import Change, diff_clusters
from windlass.domain.spec.known import Known
from windlass.domain.spec.load import CheckedSpec, check_text, dump_cluster, load_cluster
from windlass.domain.spec.models import Cluster, Host, Role
from windlass.domain.spec.problem import Problem
from windlass.domain.spec.topology import Topology, summary_line, topology

__all__ = [
    "Change",
    "CheckedSpec",
    "Cluster",
    "Host",
    "Known",
    "Problem",
    "Role",
    "Topology",
    "check_text",
    "diff_clusters",
    "dump_cluster",
    "load_cluster",
    "problems",
    "summary_line",
    "topology",
]
