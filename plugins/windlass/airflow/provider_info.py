"""What Airflow knows Windlass by, as one of its providers: connection types with their forms, and links of tasks.

Each process of Airflow that lists providers imports it: it imports nothing. Forms and placeholders are those of
https://airflow.apache.org/docs/apache-airflow-providers/howto/create-custom-providers.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TEXT = {"type": ["string", "null"]}
_STORE_FIELDS: Mapping[str, Any] = {
    "bucket": {"label": "Bucket", "description": "It must be there already.", "schema": {"type": "string"}},
    "endpoint_url": {
        "label": "Endpoint",
        "description": "URL of the S3 server; empty for AWS. It must know conditional writes.",
        "schema": _TEXT,
    },
    "prefix": {"label": "Prefix", "description": "Keys of this installation begin with it.", "schema": _TEXT},
    "region_name": {"label": "Region", "description": "Default: us-east-1.", "schema": _TEXT},
    "verify": {
        "label": "Verify",
        "description": "Path of the authorities that the server's certificate is checked by, or false.",
        "schema": _TEXT,
    },
    "aws_session_token": {"label": "Session token", "schema": {**_TEXT, "format": "password"}},
    "config_kwargs": {
        "label": "Client settings",
        "description": 'Arguments of botocore\'s Config, such as {"s3": {"addressing_style": "virtual"}}.',
        "schema": {"type": ["object", "null"]},
    },
}
_STORE = {
    "connection-type": "windlass_store",
    "hook-class-name": "windlass.airflow.hooks.store.StoreHook",
    "hook-name": "Windlass store (S3)",
    "conn-fields": _STORE_FIELDS,
    "ui-field-behaviour": {
        "hidden-fields": ["host", "schema", "port"],
        "relabeling": {"login": "Access key", "password": "Secret key"},
        "placeholders": {"login": "empty: as boto3 finds one"},
    },
}
_MASTER_KEY = {
    "connection-type": "windlass_master_key",
    "hook-class-name": "windlass.airflow.hooks.master_keys.MasterKeyHook",
    "hook-name": "Windlass master key",
    "ui-field-behaviour": {
        "hidden-fields": ["host", "schema", "port", "login", "extra"],
        "relabeling": {"password": "Master keys"},
        "placeholders": {"password": "openssl rand -base64 32; the first seals, all open"},
    },
}


def get_provider_info() -> dict[str, Any]:
    """Return Airflow's description of this provider."""
    return {
        "package-name": "windlass",
        "name": "Windlass",
        "description": "Kubernetes clusters, created, kept and repaired by Apache Airflow",
        "connection-types": [_STORE, _MASTER_KEY],
        "extra-links": ["windlass.airflow.links.ClusterLink"],
    }
