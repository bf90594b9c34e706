"""Which stored objects nobody brings back, since something that runs makes them, or they tell of what is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from windlass.domain.host.layout import ADDON_LABEL
from windlass.domain.objects.inventory import ObjectRef
from windlass.operation_names import Operation

_MADE_BY = {
    ("", "Event"): "it tells of a moment that is over",
    ("events.k8s.io", "Event"): "it tells of a moment that is over",
    ("coordination.k8s.io", "Lease"): "whoever holds it makes it again",
    ("discovery.k8s.io", "EndpointSlice"): "it is made again for its Service",
    ("apps", "ControllerRevision"): "it is made again for its workload",
    ("storage.k8s.io", "CSINode"): "the node's kubelet makes it again",
    ("storage.k8s.io", "VolumeAttachment"): "it is made again for the pods that use the volume",
    ("storage.k8s.io", "CSIStorageCapacity"): "the storage driver makes it again",
    ("resource.k8s.io", "ResourceSlice"): "its driver makes it again",
    ("networking.k8s.io", "IPAddress"): "it is made again for its Service",
    ("certificates.k8s.io", "CertificateSigningRequest"): "whoever needs a certificate asks for a new one",
    ("", "Node"): f"a host's kubelet registers it; bring the host back with `{Operation.APPLY}`",
}
_MIRROR = "kubernetes.io/config.mirror"
_BOOTSTRAPPING = "kubernetes.io/bootstrapping"
_AUTOMANAGED = "kube-aggregator.kubernetes.io/automanaged"
_OWN = {("ConfigMap", "kube-root-ca.crt"), ("Service", "kubernetes"), ("Endpoints", "kubernetes")}
_OVER = frozenset({"Succeeded", "Failed"})


def why_left_out(found: Mapping[str, Any]) -> str:
    """Return why a stored object does not come back, whatever lives; empty if it may."""
    ref, metadata = ObjectRef.of(found), found["metadata"]
    group, labels = ref.identity[0], metadata.get("labels") or {}
    if why := _MADE_BY.get((group, ref.kind)):
        return why
    if metadata.get("deletionTimestamp"):
        return "it was being deleted when the bundle was taken"
    if labels.get(ADDON_LABEL):
        return f"Windlass applies it by the spec: `{Operation.APPLY}` brings it back"
    is_default = ref.namespace == "default" or ref.kind == "ConfigMap"
    if (
        (not group and (ref.kind, ref.name) in _OWN and is_default)
        or labels.get(_AUTOMANAGED)
        or labels.get(_BOOTSTRAPPING)
    ):
        return "Kubernetes itself makes it again"
    return _why_over(group, ref.kind, found)


def _why_over(group: str, kind: str, found: Mapping[str, Any]) -> str:
    status, annotations = found.get("status") or {}, found["metadata"].get("annotations") or {}
    if (group, kind) == ("", "Pod"):
        if _MIRROR in annotations:
            return "it is of a file on its host"
        return "it had ended, and would run once more" if status.get("phase") in _OVER else ""
    if (group, kind) == ("batch", "Job"):
        ended = {one.get("type") for one in status.get("conditions") or () if one.get("status") == "True"}
        return "it had ended, and would run once more" if ended & {"Complete", "Failed"} else ""
    return ""
