"""A file's name says its subject: files of one name in several folders are about the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from tools.house.source import Result, Source

MOST_PERCENT = 5
SAME_SUBJECT = {
    "access": "what Airflow's users may do with a cluster, and in its Kubernetes API",
    "addons": "what runs in every cluster: applied at first, and at a rollout",
    "alerts": "what needs a person",
    "approval": "what a person is asked before a rollout, and what the answer holds for",
    "artifacts": "what is fetched, by its lock",
    "available": "releases that a cluster can go to",
    "backup": "bundles: the command and the operators",
    "bootstrap": "the start of a new etcd cluster: whether it may be, its scripts, the start itself",
    "catalog": "the catalog of releases",
    "certificates": "the cluster's certificates",
    "checks": "what is checked of a component: planned here, done on the host",
    "client": "the client of the service that the folder is about",
    "cluster": "one cluster at work",
    "containers": "containers on a host",
    "context": "what the folder's operation works with",
    "contract": "what each implementation in the folder keeps",
    "created": "whether a cluster was ever verified: what is kept of that, and who notes it",
    "dns": "names in the cluster: the section of the spec, and its checks",
    "drift": "how what is differs from what should be",
    "drill": "the restore drill",
    "errors": "errors raised on purpose, and what Airflow makes of them",
    "etcd": "etcd members",
    "events": "the service log as events in Kubernetes",
    "facts": "what a host is: the script that asks, and what is read of its answer",
    "failures": "what a service's own errors mean to Windlass",
    "fixed_point": "when the folder's operation has nothing left to do",
    "flags": "flags of components: what a release takes, what a spec gives, and how the one is checked by the other",
    "fleet": "all clusters that are watched",
    "health": "the health of components",
    "hooks": "what the user has run around a rollout",
    "host_keys": "SSH keys of hosts",
    "host_report": "what a host says of itself: sent there, read here",
    "join": "how a member joins etcd: the operation and its scripts",
    "kubeconfig": "kubeconfigs",
    "apply": "bringing a cluster, its units and stacks, its objects to what is desired",
    "hosts": "hosts: in the spec, in its checks, in steps, in the lab",
    "host": "one host",
    "leave": "how a host leaves: the step and its scripts",
    "left_traces": "what drivers that left the cluster have left on hosts: the scripts, and who has hosts run them",
    "left_hosts": "hosts that left and are not clean: who looks after them, and what keeps their nodes out",
    "kubelet_keys": "keys of kubelet's configuration: what a release takes, and what a spec gives",
    "layout": "where files are",
    "machine_settings": "what a spec sets on machines: where it stands, its checks, the files that come of it",
    "mirror": "the mirror of artifacts",
    "model": "the values that the folder is about",
    "monitor": "the watch over a cluster: the pure machine and what drives it",
    "nodes": "labels and taints of nodes",
    "observe": "what the folder's operation has to know of a cluster as it is",
    "plan": "what the folder's operation is going to do",
    "platform": "sections of the spec about the platform, and their checks",
    "preflight": "whether hosts can take a cluster",
    "question": "what a person is asked",
    "readiness": "whether something can be begun",
    "record": "what is kept of the folder's operation",
    "recovery": "disaster recovery",
    "removed_apis": "APIs that a release no longer serves",
    "restore": "etcd's data from a bundle",
    "restore_drill": "the restore drill",
    "rights": "who may see, operate, approve and delete a cluster",
    "rollout": "a change of a running cluster, host by host",
    "run": "one run of an operation: the pure machine and what drives it",
    "smoke_test": "the test of a cluster that was just applied",
    "spread": "that replicas are not on one node",
    "stacks": "Compose stacks",
    "status": "the judgement of what the folder is about",
    "step_order": "which steps of a rollout come when",
    "survey": "what a recovery finds on hosts",
    "upgrade": "a rollout, asked for and done",
    "user_stacks": "the user's own Compose stacks",
}
"""Names that stand in several folders on purpose: one subject on several floors, or one part of each."""

_ADVICE = "rename one, or say in tools/house/stems.py what both are about"


def check_stems(sources: Sequence[Source], same_subject: Mapping[str, str] = SAME_SUBJECT) -> Result:
    """Measure how many of the names that files have stand in several folders without being about the same."""
    folders = defaultdict(set)
    for source in sources:
        if source.path.stem != "__init__":
            folders[source.path.stem].add(str(source.path.parent))
    shared = {stem: found for stem, found in folders.items() if len(found) > 1}
    strays = {stem: found for stem, found in sorted(shared.items()) if stem not in same_subject}
    percent = 100 * len(strays) / len(folders)
    broken = [f"`{stem}` in {', '.join(sorted(found))}: not one subject; {_ADVICE}" for stem, found in strays.items()]
    figure = f"stems shared {percent:.0f} %, {len(shared) - len(strays)} more on purpose"
    return Result(figure, broken if percent > MOST_PERCENT else ())
