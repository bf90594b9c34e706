"""The Kubernetes API of a cluster, through its hosts."""

from __future__ import annotations

from datetime import timedelta

from windlass.airflow.hooks.cluster import ClusterHook
from windlass.effects.kubernetes.client import KubernetesClient
from windlass.operations.cluster_api import kubernetes_api

_WITHIN = timedelta(seconds=30)


class KubernetesHook(ClusterHook):
    """Reaches whichever API server of a cluster is ready, by Windlass's own certificate; no kubeconfig is written.

    Close it, or use it in `with`.
    """

    def get_conn(self) -> KubernetesClient:
        """Return a client of the first API server that is ready; NotReadyError if none is after half a minute."""
        return self._opened.enter_context(kubernetes_api(self.session, self.pki, _WITHIN))
