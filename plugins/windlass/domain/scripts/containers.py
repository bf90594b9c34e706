"""The script that tells all about a cluster's containers on a host."""

from __future__ import annotations

from windlass.domain.host.layout import CLUSTER_LABEL
from windlass.domain.scripts.script import Script


def inspect_containers_script(cluster: str) -> Script:
    """Return the script: a line of JSON for each container, as `docker inspect` gives it."""
    filters = f"label={CLUSTER_LABEL}={cluster}"
    text = f"docker ps -aq --filter {filters} | xargs -r docker inspect --format '{{{{json .}}}}'\n"
    return Script("inspect-containers", {"cluster": cluster}, text)
