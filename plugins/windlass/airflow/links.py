"""The link from a task to the page of the cluster that it was about."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import attrs
from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.configuration import conf

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey


def base_url() -> str:
    """Return where people reach Airflow; it may lie below a path."""
    found: str = conf.get("api", "base_url", fallback="") or "http://localhost:8080"
    return found.rstrip("/")


@attrs.define()
class ClusterLink(BaseOperatorLink):
    """Leads to the cluster's page, which Airflow serves below its own address."""

    @property
    def name(self) -> str:
        """The words on the button."""
        return "Cluster"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 (as the base has it)
        """Return the page's address; empty while the task has not said which cluster it is about."""
        cluster = getattr(operator, "cluster", None)
        return f"{base_url()}/windlass/cluster/{quote(cluster, safe='')}" if cluster else ""
