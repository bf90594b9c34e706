"""The spec's `hosts.settings` for the provider `libcloud`: one driver of Apache Libcloud, and what its nodes get."""

from __future__ import annotations

import hashlib
from typing import Any

from pydantic import Field, model_validator

from windlass.domain.spec.base import Section, setting


class LibcloudSettings(Section):
    """The spec's `hosts.settings` for nodes that a driver of Apache Libcloud makes."""

    driver: str = Field(
        description="Name of a compute driver of Apache Libcloud, such as openstack, gce or digitalocean.",
        min_length=1,
    )
    image: str = Field(description="Id or name of the image, a supported system.", min_length=1)
    size: str = Field(description="Id or name of the size.", min_length=1)
    location: str | None = setting(None, "Id or name of the location; null: the driver's own choice.", min_length=1)
    arguments: dict[str, Any] = setting(
        {},
        "What the driver's create_node takes besides, each beginning with `ex_`. `{name}`, `{address}` and `{cluster}` "
        "in a text stand for the host's; the address is its `privateAddress`, if it has one.",
    )
    user_data: str | None = setting(
        None,
        "Argument by which the driver takes user data for cloud-init, such as ex_userdata; null: none is given.",
        max_length=40,
    )

    @model_validator(mode="after")
    def _gives_only_extras(self) -> LibcloudSettings:
        names = (*self.arguments, *((self.user_data,) if self.user_data else ()))
        if wrong := sorted(name for name in names if not name.startswith("ex_")):
            raise ValueError(f"`{wrong[0]}` does not begin with ex_; all other arguments follow from the spec")
        return self


def node_prefix(cluster: str) -> str:
    """Return what the names of a cluster's nodes begin with, and those of no other cluster.

    The digits are what tells the host w-1 of `a-b` from the host b-w-1 of `a`.
    """
    return f"{cluster}-{hashlib.sha256(cluster.encode()).hexdigest()[:8]}-"


def node_name(cluster: str, host: str) -> str:
    """Return the name of a host's node."""
    return f"{node_prefix(cluster)}{host}"
