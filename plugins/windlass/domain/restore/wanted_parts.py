"""What of a stored object somebody wanted, and what a server or a controller put into it, which never comes back.

Fields of the second sort say who an object was: its UID, its addresses, what it was bound to. Written into another
object of the same name they would be wrong, or refused.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]
Path = tuple[str, ...]

_METADATA = (
    "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink", "generateName",
    "deletionTimestamp", "deletionGracePeriodSeconds",
    # A controller that wants one puts it there again, and one whose controller is gone could never be deleted.
    "finalizers",
)  # fmt: skip
_ANNOTATIONS = (
    "deployment.kubernetes.io/revision",
    "deprecated.daemonset.template.generation",
    "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller",
    "volume.kubernetes.io/selected-node",
    "volume.kubernetes.io/storage-provisioner",
    "volume.beta.kubernetes.io/storage-provisioner",
    "kubernetes.io/service-account.uid",
    "endpoints.kubernetes.io/last-change-trigger-time",
)
"""Those by which controllers remember what they did."""
_JOB_LABELS = (
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
)
ADDRESSES: tuple[Path, ...] = (("spec", "clusterIP"), ("spec", "clusterIPs"), ("spec", "healthCheckNodePort"))
VOLUME: Path = ("spec", "volumeName")
_ASSIGNED: Mapping[str, tuple[Path, ...]] = {
    "Service": ADDRESSES,
    "PersistentVolumeClaim": (VOLUME,),
    "PersistentVolume": (("spec", "claimRef", "uid"), ("spec", "claimRef", "resourceVersion")),
    "Namespace": (("spec", "finalizers"),),
    "ServiceAccount": (("secrets",),),
    "Pod": (("spec", "nodeName"),),
}
"""What is assigned to an object of the core group, by kind."""
TOKEN = "kubernetes.io/service-account-token"  # noqa: S105 - the type of a Secret
_ACCOUNT_VOLUME = "kube-api-access-"


def prepared(found: Mapping[str, Any]) -> Object:
    """Return what somebody wanted of an object; doing it again changes nothing."""
    made: Object = copy.deepcopy({key: value for key, value in found.items() if key != "status"})
    metadata = made["metadata"]
    for key in _METADATA:
        metadata.pop(key, None)
    _drop_entries(metadata, "annotations", _ANNOTATIONS)
    _drop_entries(metadata, "labels", ())
    for path in assigned_paths(made):
        _drop(made, path)
    group, kind = str(made["apiVersion"]).rpartition("/")[0], made["kind"]
    if (group, kind) == ("", "Service"):
        for port in (made.get("spec") or {}).get("ports") or ():
            port.pop("nodePort", None)
    if (group, kind) == ("", "Pod"):
        _drop_account_volume(made["spec"])
    if (group, kind) == ("batch", "Job"):
        _drop_job_selector(made)
    return made


def assigned_paths(found: Mapping[str, Any]) -> tuple[Path, ...]:
    """Return what of an object is assigned by the server or a controller, besides its metadata."""
    if "/" in str(found["apiVersion"]):
        return ()
    if (found["kind"], found.get("type")) == ("Secret", TOKEN):
        return (("data",),)  # the token of an account that had another UID: a controller writes a new one
    paths = _ASSIGNED.get(str(found["kind"]), ())
    return tuple(path for path in paths if path not in ADDRESSES[:2]) if is_headless(found) else paths


def is_headless(found: Mapping[str, Any]) -> bool:
    """Tell whether it is a Service that was made to have no address, which is a wish and no assignment."""
    return found["kind"] == "Service" and (found.get("spec") or {}).get("clusterIP") == "None"


def comparable(found: Mapping[str, Any]) -> Object:
    """Return what of an object counts when it is compared with the same one of another time: not whose it is."""
    made = prepared(found)
    made["metadata"].pop("ownerReferences", None)
    return made


def overwritten(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> Object:
    """Return a live object with all that somebody wanted of it as `wanted` has it, and the rest as it is.

    It keeps its `resourceVersion`: whoever changes it meanwhile is not overwritten.
    """
    made = copy.deepcopy(dict(wanted))
    metadata = copy.deepcopy(live["metadata"])
    metadata.pop("managedFields", None)
    for key in ("labels", "annotations"):
        metadata.pop(key, None)
        if made["metadata"].get(key):
            metadata[key] = made["metadata"][key]
    kept = {name: live["metadata"]["annotations"][name] for name in _kept_annotations(live)}
    if kept:
        metadata["annotations"] = {**metadata.get("annotations", {}), **kept}
    made["metadata"] = metadata
    for path in assigned_paths(live):
        _carry(live, made, path)
    if "status" in live:
        made["status"] = copy.deepcopy(live["status"])
    _carry_ports(live, made)
    return made


def _kept_annotations(live: Mapping[str, Any]) -> list[str]:
    return [name for name in _ANNOTATIONS if name in (live["metadata"].get("annotations") or {})]


def _carry_ports(live: Mapping[str, Any], made: Object) -> None:
    if made["kind"] != "Service" or "/" in str(made["apiVersion"]):
        return
    known = {(port.get("protocol"), port["port"]): port.get("nodePort") for port in live["spec"].get("ports") or ()}
    for port in made["spec"].get("ports") or ():
        if node_port := known.get((port.get("protocol"), port["port"])):
            port["nodePort"] = node_port


def _drop_account_volume(spec: Object) -> None:
    """Take out the token that admission puts into each pod, and will put there again."""
    spec["volumes"] = [one for one in spec.get("volumes") or () if not one["name"].startswith(_ACCOUNT_VOLUME)]
    for part in ("containers", "initContainers"):
        for container in spec.get(part) or ():
            mounts = container.get("volumeMounts") or ()
            container["volumeMounts"] = [one for one in mounts if not one["name"].startswith(_ACCOUNT_VOLUME)]


def _drop_job_selector(job: Object) -> None:
    """Take out what the server makes of a job's UID, unless its writer chose it."""
    spec = job["spec"]
    if spec.get("manualSelector"):
        return
    spec.pop("selector", None)
    for holder in (job["metadata"], spec["template"].get("metadata") or {}):
        _drop_entries(holder, "labels", _JOB_LABELS)


def _drop_entries(holder: Object, key: str, names: tuple[str, ...]) -> None:
    entries = holder.get(key)
    if isinstance(entries, dict):
        for name in names:
            entries.pop(name, None)
        if not entries:
            del holder[key]


def _drop(value: Any, path: Path) -> None:
    for key in path[:-1]:
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, dict):
        value.pop(path[-1], None)


def value_at(value: Any, path: Path) -> Any:
    """Return what stands at a path; None if nothing does."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def put_at(value: Object, path: Path, new: Any) -> None:
    """Put something at a path."""
    for key in path[:-1]:
        value = value.setdefault(key, {})
    value[path[-1]] = copy.deepcopy(new)


def _carry(live: Mapping[str, Any], made: Object, path: Path) -> None:
    if (kept := value_at(live, path)) is not None:
        put_at(made, path, kept)
