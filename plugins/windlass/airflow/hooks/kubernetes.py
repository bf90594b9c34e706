"""The Kubernetes API of a cluster, through its hosts."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta

from airflow.sdk import BaseHook

from windlass.domain.pki import Pki
from windlass.effects.kubernetes.client import KubernetesClient
from windlass.operations.cluster import ClusterSession
from windlass.operations.cluster_api import kubernetes_api

_WITHIN = timedelta(seconds=30)


class KubernetesHook(BaseHook):
    """Reaches whichever API server of a cluster is ready, by Windlass's own certificate; no kubeconfig is written."""

    def __init__(self, session: ClusterSession, pki: Pki) -> None:
        super().__init__()
        self.session = session
        self.pki = pki

    def client(self, within: timedelta = _WITHIN) -> AbstractContextManager[KubernetesClient]:
        """Give a client of the first API server that is ready; NotReadyError if none is after `within`."""
        return kubernetes_api(self.session, self.pki, within)
