"""What a stack's own file says of its services, in the keys that Rancher 1.x's catalog has for it.

Keys mean what they meant there. One that means nothing here is refused by its name, with the reason, and never left
out in silence: https://rancher.com/docs/rancher/v1.6/en/cattle/rancher-compose/.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from windlass.domain.catalog.parsing import CatalogSection
from windlass.domain.catalog.stack_services import StackServices, answer_named

_PREFIX = "io.rancher."
_AFFINITY, _NO_AFFINITY = "io.rancher.scheduler.affinity:host_label", "io.rancher.scheduler.affinity:host_label_ne"
_GLOBAL, _PULL = "io.rancher.scheduler.global", "io.rancher.container.pull_image"
TAKEN_LABELS = (_AFFINITY, _NO_AFFINITY, _GLOBAL, _PULL)
_TOGETHER = "all services of a stack run together on each of its hosts"
_CONTAINERS = f"hosts are chosen by their own labels, not by what else runs there: {_TOGETHER}"
_SOFT = "a host is chosen once and kept, so that a rule that may be broken would say nothing; write it without `_soft`"
_BALANCING = "no balancer comes with a service; pick the stack `edge-proxy`, or write HAProxy as a service"
_MACHINES = "services are containers; hosts are made by the host provider (docs/hosts.md)"
_OWN_NETWORK = "containers have their host's own network, names and addresses"
REFUSED_KEYS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("retain_ip", "external_ips", "hostname", "links", "external_links"), _OWN_NETWORK),
        **dict.fromkeys(("lb_config", "load_balancer_config", "default_cert", "certs"), _BALANCING),
        **dict.fromkeys(("disks", "memory", "vcpu", "userdata"), _MACHINES),
        "upgrade_strategy": "changes are brought by rollouts, host by host (docs/change.md)",
        "metadata": "there is no metadata service; templates see the cluster and the answers",
        "start_on_create": "a stack that the spec picks is started; leave it out of the spec till then",
        "scale_policy": "a scale is one number; give it as `scale`",
        "scale_min": "a scale is one number; give it as `scale`",
        "scale_max": "a scale is one number; give it as `scale`",
        "drain_timeout_ms": "write `stop_grace_period` into the Compose file",
        "network_driver": "a network is a driver of the catalog (docs/catalog.md)",
        "storage_driver": "storage is a driver of the catalog (docs/catalog.md)",
        "image": "it belongs into the Compose file",
    }
)
"""Keys of a service in rancher-compose.yml that say nothing here, and why."""
REFUSED_LABELS: Mapping[str, str] = MappingProxyType(
    {
        **{f"{_AFFINITY}{end}": _SOFT for end in ("_soft", "_soft_ne")},
        **{
            f"io.rancher.scheduler.affinity:container{what}{end}": _CONTAINERS
            for what in ("", "_label")
            for end in ("", "_ne", "_soft", "_soft_ne")
        },
        "io.rancher.sidekicks": _TOGETHER,
        "io.rancher.container.network": _OWN_NETWORK,
        "io.rancher.container.dns": _OWN_NETWORK,
        "io.rancher.container.hostname_override": _OWN_NETWORK,
        "io.rancher.container.requested_ip": _OWN_NETWORK,
        "io.rancher.container.start_once": "a container that ends is started again; let a DAG do what is done once",
        "io.rancher.container.create_agent": "containers get no login to whatever manages them",
        "io.rancher.container.agent.role": "containers get no login to whatever manages them",
    }
)
_REQUEST = re.compile(r"(GET|HEAD|OPTIONS) /\S*( HTTP/1\.[01])?")


def refused_label(label: str) -> str:
    """Return why a label of Rancher's says nothing here; empty for one that is taken, or is none of Rancher's."""
    if label in TAKEN_LABELS or not label.startswith(_PREFIX):
        return ""
    return REFUSED_LABELS.get(label) or f"no such label is known; taken are {', '.join(TAKEN_LABELS)}"


def _positive(value: int | str) -> int | str:
    if (isinstance(value, int) and value > 0) or answer_named(value):
        return value
    raise ValueError("it is a number above 0, or the answer to a question as ${variable}")


def _milliseconds(value: int | str) -> int | str:
    if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?s", value) and float(value[:-1]) > 0:
        return value
    if isinstance(value, int) and value > 0:
        return f"{value / 1000:g}s"
    raise ValueError("it is a number of milliseconds, or of seconds as `2s`")


def _request(value: str) -> str:
    if value and not _REQUEST.fullmatch(value):
        raise ValueError("it is a request line such as `GET /healthz HTTP/1.0`; leave it out to ask for a connection")
    return value


_Number = Annotated[int | str, AfterValidator(_positive)]
_Time = Annotated[int | str, AfterValidator(_milliseconds)]


class _Quorum(CatalogSection):
    quorum: int = Field(ge=1)


class HealthSection(CatalogSection):
    """A health check as rancher-compose.yml has it: times are in milliseconds, or texts such as `2s`."""

    port: _Number
    request_line: Annotated[str, AfterValidator(_request)] = ""
    interval: _Time = "2s"
    response_timeout: _Time = "2s"
    initializing_timeout: _Time = "60s"
    reinitializing_timeout: _Time = "60s"
    healthy_threshold: _Number = 2
    unhealthy_threshold: _Number = 3
    strategy: Literal["recreate", "recreateOnQuorum", "none"] = "recreate"
    recreate_on_quorum_strategy_config: _Quorum | None = None
    address: Literal["host", "loopback"] = "host"
    """Not Rancher's: where it listens on the host itself alone."""

    @model_validator(mode="after")
    def _has_quorum(self) -> HealthSection:
        if (self.strategy == "recreateOnQuorum") != (self.recreate_on_quorum_strategy_config is not None):
            raise ValueError(
                "`recreateOnQuorum` and `recreate_on_quorum_strategy_config` with its `quorum` belong together"
            )
        return self

    def block(self) -> dict[str, Any]:
        """Return the check as it stands beside a service, with answers still to be put in."""
        config = self.recreate_on_quorum_strategy_config
        kept = self.model_dump(exclude={"recreate_on_quorum_strategy_config"})
        protocol = "http" if self.request_line else "tcp"
        quorum = 0 if config is None else config.quorum
        return {**kept, "protocol": protocol, "client_certificate": None, "quorum": quorum}


class ServiceSection(CatalogSection):
    """A service as rancher-compose.yml has it, with the labels that docker-compose.yml has for the scheduler."""

    scale: int | None = Field(default=None, ge=1)
    health_check: HealthSection | None = None
    labels: dict[str, str | bool] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _no_foreign_keys(cls, value: Any) -> Any:
        for key in value if isinstance(value, Mapping) else ():
            if why := REFUSED_KEYS.get(key):
                raise ValueError(f"`{key}` says nothing here: {why}")
        return value

    @model_validator(mode="after")
    def _known_labels(self) -> ServiceSection:
        for label, value in self.labels.items():
            if why := refused_label(label):
                raise ValueError(f"the label `{label}` says nothing here: {why}")
            if label not in TAKEN_LABELS:
                raise ValueError(f"the label `{label}` is none of the scheduler's; it belongs into the Compose file")
            if label == _GLOBAL and value not in (True, False, "true", "false"):
                raise ValueError(f"the label `{label}` is true or false")
            if label == _PULL and value != "always":
                raise ValueError(f"the label `{label}` has the value `always`; images are pulled by digest in any case")
        if self.is_global and self.scale is not None:
            raise ValueError(f"`scale` and the label `{_GLOBAL}` exclude each other")
        label_pairs(self.labels.get(_AFFINITY, ""))
        label_pairs(self.labels.get(_NO_AFFINITY, ""))
        return self

    @property
    def is_global(self) -> bool:
        """Whether it says that every host that fits runs it."""
        return self.labels.get(_GLOBAL) in (True, "true")


def label_pairs(text: object) -> tuple[tuple[str, str], ...]:
    """Read `key=value,key=value`; ValueError if it is none."""
    found = []
    for pair in str(text).split(",") if text != "" else ():
        key, separator, value = (part.strip() for part in pair.partition("="))
        if not key or not separator:
            raise ValueError(f"`{pair}` is no label of a host: write `key=value`, several with commas")
        found.append((key, value))
    return tuple(found)


def together(services: Mapping[str, ServiceSection]) -> StackServices:
    """Return what services ask for together; ValueError where they ask for what no host can give to all."""
    scales = {name: one.scale for name, one in services.items() if one.scale is not None}
    if len(set(scales.values())) > 1 or (scales and any(one.is_global for one in services.values())):
        told = ", ".join(f"{name} {scale}" for name, scale in scales.items())
        raise ValueError(f"the services have scales of their own ({told}), and {_TOGETHER}: write a stack for each")
    needed: dict[str, str] = {}
    for key, value in _pairs(services, _AFFINITY):
        if needed.setdefault(key, value) != value:
            raise ValueError(f"no host has two values of the label `{key}`, and {_TOGETHER}")
    barred = _pairs(services, _NO_AFFINITY)
    if both := sorted(set(needed.items()) & set(barred)):
        raise ValueError(f"the label `{both[0][0]}={both[0][1]}` is asked for and barred at once")
    health = {name: None if one.health_check is None else one.health_check.block() for name, one in services.items()}
    return StackServices(health, next(iter(scales.values()), None), needed, barred)


def _pairs(services: Mapping[str, ServiceSection], label: str) -> tuple[tuple[str, str], ...]:
    found = {pair for one in services.values() for pair in label_pairs(one.labels.get(label, ""))}
    return tuple(sorted(found))
