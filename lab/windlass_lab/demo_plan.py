"""What the demo is made of: its spec, its connections, the id of its run. Values only, nothing here acts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from windlass.cli.embedded.layout import Settings
from windlass.domain.secret import Secret
from windlass.effects.store import S3Store, StoreConfig
from windlass_lab.model import BUCKET, USER, Lab, LabHost

NAME = "demo"
"""The name of the demo's lab, Airflow and cluster alike."""
MIRROR_SETTING, REGISTRY_SETTING = "WINDLASS_MIRROR", "WINDLASS_REGISTRY"
"""What names a mirror to an Airflow whose specs name none."""
_CONTROL_PLANE = ("cp-1", "cp-2", "cp-3")


def demo_hosts(workers: int) -> tuple[str, ...]:
    """Return the names of the demo's hosts: three for etcd and control plane, and so many workers."""
    return (*_CONTROL_PLANE, *(f"w-{number}" for number in range(1, workers + 1)))


HOSTS = demo_hosts(1)
"""What the demo has unless somebody asks for more."""


def cluster_spec(lab: Lab, version: str) -> str:
    """Return the spec of a cluster on all hosts of the lab: `w-…` are workers, the others etcd and control plane."""
    document = {
        "apiVersion": "windlass/v1",
        "kind": "Cluster",
        "metadata": {"name": NAME},
        "spec": {
            "kubernetes": {"version": version},
            "hosts": {
                "provider": "static",
                "ssh": {"connection": "windlass_ssh", "user": USER, "knownHosts": list(lab.known_hosts)},
                "members": [_member(host) for host in lab.hosts],
            },
            "artifacts": {"from": "mirror", "mirror": lab.mirror_url, "registry": lab.registry},
        },
    }
    return yaml.safe_dump(document, sort_keys=False, width=10_000)


def airflow_settings(lab: Lab, master_key: Secret) -> Settings:
    """Return what the demo's Airflow runs with: a spec that names no mirror takes everything from the lab's."""
    variables = {MIRROR_SETTING: lab.mirror_url, REGISTRY_SETTING: lab.registry}
    return Settings(connections=connections(lab, master_key), variables=variables)


def _member(host: LabHost) -> dict[str, Any]:
    roles = ["worker"] if host.name.startswith("w-") else ["etcd", "control-plane"]
    return {"name": host.name, "address": host.address, "roles": roles}


def connections(lab: Lab, master_key: Secret) -> Mapping[str, str]:
    """Return the Airflow connections that the operations need, in Airflow's JSON form; all of it is secret."""
    s3 = lab.s3_credentials()
    store = {
        "conn_type": "aws",
        "login": s3.access_key,
        "password": s3.secret_key,
        "extra": {"endpoint_url": lab.s3_endpoint, "bucket": BUCKET},
    }
    login = {"conn_type": "ssh", "login": USER, "extra": {"private_key": _read(lab.key_path)}}
    key = {"conn_type": "generic", "password": master_key.reveal()}
    named = {"windlass_store": store, "windlass_ssh": login, "windlass_master_key": key}
    return {name: json.dumps(value) for name, value in named.items()}


def store_of(lab: Lab) -> S3Store:
    """Return the store that the operations work with."""
    s3 = lab.s3_credentials()
    return S3Store(
        StoreConfig(
            bucket=BUCKET, endpoint_url=lab.s3_endpoint, access_key=s3.access_key, secret_key=Secret(s3.secret_key)
        )
    )


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def run_id(spec: str) -> str:
    """Return the id of the run that creates what `spec` says: the same for the same hosts, keys and settings."""
    return f"demo-{hashlib.sha256(spec.encode()).hexdigest()[:12]}"
