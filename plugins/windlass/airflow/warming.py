"""What a process does once before it forks the processes of tasks, so that none of them has to do it again."""

from __future__ import annotations

from windlass.airflow.services import airflow_services
from windlass.domain.rendering.templates import Templates
from windlass.effects.store.s3 import StoreConfig, make_client


def warm_up() -> None:
    """Read the description of S3 and compile the catalog's templates; nothing outside of this machine is asked."""
    make_client(StoreConfig("none")).close()
    for release in airflow_services().catalog.releases.values():
        Templates(release).compile()
