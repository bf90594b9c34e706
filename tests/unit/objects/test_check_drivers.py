"""Drivers are asked for what they serve in the cluster, in a form that it is served in."""

from __future__ import annotations

import dataclasses

import pytest

from unit.objects.conftest import cluster_with
from unit.services import quick_clock
from windlass.effects.kubernetes.client import KubernetesClient
from windlass.errors import NotReadyError
from windlass.operations.apply.check_drivers import check_drivers
from windlass.operations.cluster import ClusterSession
from world.objects import ObjectsApi

METRICS = {
    "apiVersion": "apiregistration.k8s.io/v1",
    "kind": "APIService",
    "metadata": {"name": "v1beta1.metrics.k8s.io"},
    "spec": {"group": "metrics.k8s.io", "version": "v1beta1"},
}


@pytest.fixture
def measured(session: ClusterSession) -> ClusterSession:
    cluster = cluster_with(monitoring={"driver": "metrics-server"})
    return dataclasses.replace(session, cluster=cluster, clock=quick_clock())


def test_a_driver_whose_api_answers_does_its_work(
    measured: ClusterSession, api: ObjectsApi, client: KubernetesClient
) -> None:
    api.put("apiservices", METRICS)
    check_drivers(measured, client)


def test_a_driver_whose_api_is_not_there_is_named(measured: ClusterSession, client: KubernetesClient) -> None:
    with pytest.raises(NotReadyError, match=r"`metrics-server` of monitoring at /apis/metrics.k8s.io/v1beta1.*404"):
        check_drivers(measured, client)
