"""What a spec's references to secrets stand for, from Airflow's Variables and connections."""

from __future__ import annotations

import base64

from airflow.sdk import Variable
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.log import mask_secret

from windlass.airflow.connections import cluster_connection
from windlass.domain.secret import Secret
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.references import EXTRA, SecretReference
from windlass.domain.spec.secret_scope import SECRETS, check_contents, wrong_variable
from windlass.errors import RefusedError, SpecError

_SHORTEST_MASKED = 5
"""Airflow masks nothing that is shorter."""


def resolve(cluster: Cluster, reference: SecretReference) -> Secret:
    """Return what a reference in the spec of `cluster` stands for, and have Airflow mask it in logs from now on.

    It comes from whatever secrets backend Airflow has. SpecError names what is missing or empty, RefusedError what is
    not for this cluster; nothing is quoted. This is the one place where specs reach Airflow's secrets.
    """
    found = _field(cluster.name, reference) if reference.field else _variable(cluster.name, reference.name)
    if not found:
        raise SpecError(f"{reference} is empty; give it a value in Airflow, or take the reference out of the spec")
    forms = {found, base64.b64encode(found.encode()).decode(), *found.splitlines()}
    for form in (one for one in forms if len(one) >= _SHORTEST_MASKED):
        mask_secret(form)
    return Secret(found)


def _variable(cluster: str, name: str) -> str:
    if wrong := wrong_variable(name, cluster):
        raise RefusedError("; ".join(wrong))
    try:
        return str(Variable.get(name))
    except AirflowRuntimeError as error:
        if error.error.error is not ErrorType.VARIABLE_NOT_FOUND:
            raise
        raise SpecError(
            f"Airflow has no Variable `{name}`; add it, or set AIRFLOW_VAR_{name.upper()}, or correct the reference"
        ) from None


def _field(cluster: str, reference: SecretReference) -> str:
    connection = cluster_connection(reference.name, cluster)
    check_contents(reference.name, connection.extra_dejson.get(SECRETS), cluster)
    if reference.field.startswith(EXTRA):
        found = connection.extra_dejson.get(reference.field.removeprefix(EXTRA))
    else:
        found = getattr(connection, reference.field)
    return found if isinstance(found, str) else ""
