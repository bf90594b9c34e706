"""Compose files of stacks as people write them, made into what runs on a host: watched, labelled and bounded.

The macros of `stacks/service.j2` do the same for templates that call them. Here nothing needs to be called: a stack
whose `stack.yaml` says something of its `services` has a Compose file with nothing of Windlass in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from windlass.domain.catalog.rancher import REFUSED_KEYS, TAKEN_LABELS, refused_label
from windlass.domain.catalog.stack_services import answer_named
from windlass.domain.catalog.stacks import StackTemplate
from windlass.domain.host.health_check import HEALTH_KEY, overridden
from windlass.domain.host.layout import (
    CLUSTER_LABEL,
    COMPONENT_LABEL,
    CONFIG_LABEL,
    DIGEST_LABEL,
    VERSION_LABEL,
)
from windlass.domain.spec.models import Cluster
from windlass.errors import SpecError

_OURS = "Windlass gives it, for its watch and its remediation; leave it out"
_OWN_NETWORK = "containers have their host's own network; leave it out, and listen at the host's address"
_NOT_TAKEN: Mapping[str, str] = {
    "container_name": _OURS,
    "network_mode": _OWN_NETWORK,
    "networks": _OWN_NETWORK,
    "ports": _OWN_NETWORK,
    "expose": _OWN_NETWORK,
    "dns": _OWN_NETWORK,
    "extra_hosts": _OWN_NETWORK,
    "build": "images come out of the mirror; name one under `images` of stack.yaml",
    "env_file": "Compose would read it anew at each start; write `environment`, or a file that the service reads",
    "deploy": "that is for Swarm; `scale` stands in stack.yaml, limits are `mem_limit`, `cpus` and `pids_limit`",
    "extends": "write the service in full",
    "volumes_from": "write the mounts of each service",
    "secrets": "write a file beside the Compose file; it is root's alone where an answer is a secret",
    "configs": "write a file beside the Compose file",
    "privileged": "a container that may do all is the host itself; name what it needs with `cap_add` and `devices`",
    "scale": "it stands in stack.yaml, since hosts are chosen before anything is rendered",
    "health_check": "it stands in stack.yaml, where the watch reads it without a secret",
    "healthcheck": "write `health_check` into stack.yaml: other hosts look, and an unhealthy one is remediated",
    **{key: why for key, why in REFUSED_KEYS.items() if key != "image"},
}
_COMMANDS = ("entrypoint", "command")
_DEFAULTS: Mapping[str, Any] = {
    "restart": "always",
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "logging": {"driver": "json-file", "options": {"max-size": "20m", "max-file": "5"}},
    "mem_limit": "1g",
    "pids_limit": 512,
}
"""What a service has that does not say otherwise: as Windlass's own."""


def finished_services(
    stack: StackTemplate, document: Mapping[str, Any], answers: Mapping[str, Any], cluster: Cluster, digest: str
) -> dict[str, dict[str, Any]]:
    """Return the services of a stack's rendered Compose file as they run; `digest` is that of the files beside it.

    SpecError that names all that cannot be.
    """
    services = document["services"]
    if problems := [*_foreign_parts(document), *_problems(stack, services)]:
        raise SpecError("\n".join(f"stack {stack.name}: {problem}" for problem in problems))
    return {
        name: {
            **_DEFAULTS,
            **{key: _words(value) if key in _COMMANDS else value for key, value in service.items() if key != "labels"},
            "container_name": f"windlass-{name}",
            "network_mode": "host",
            "labels": {**_labels(service), **_own_labels(stack, name, service, cluster, digest)},
            **_health(stack, name, answers, cluster),
        }
        for name, service in services.items()
    }


def dumped(stack: StackTemplate, document: Mapping[str, Any], services: Mapping[str, Any]) -> str:
    """Return the Compose file with `services` in it."""
    head = f"# {stack.title or stack.name}. Written by Windlass, which puts changes back.\n"
    rest = {key: value for key, value in document.items() if key not in {"name", "services", "version"}}
    text = yaml.safe_dump(
        {"name": f"windlass-{stack.name}", "services": dict(services), **rest},
        sort_keys=False,
        allow_unicode=True,
        width=10_000,
    )
    return head + text


def _foreign_parts(document: Mapping[str, Any]) -> Iterator[str]:
    for key in document:
        if key not in {"name", "services", "version"} and not str(key).startswith("x-"):
            yield f"{key}: only `services` are taken; mount what lies beside the Compose file, and the data directory"


def _problems(stack: StackTemplate, services: Mapping[str, Any]) -> Iterator[str]:
    known = stack.services.health if stack.services is not None else {}
    for name in [one for one in known if one not in services]:
        yield f"services: stack.yaml has `{name}`, and the Compose file has not"
    for name, service in services.items():
        if name not in known:
            yield f"services: `{name}` is missing in stack.yaml; give it a health_check there, or write `{name}: {{}}`"
        found = _problems_of(service) if isinstance(service, Mapping) else [": it is no mapping"]
        yield from (f"services.{name}{one}" for one in found)


def _problems_of(service: Mapping[str, Any]) -> Iterator[str]:
    yield from (f".{key}: {_NOT_TAKEN[key]}" for key in service if key in _NOT_TAKEN)
    for label in _labels(service):
        if label in TAKEN_LABELS:
            yield f".labels: `{label}` stands in stack.yaml: hosts are chosen before anything is rendered"
        elif why := refused_label(label):
            yield f".labels: `{label}` says nothing here: {why}"
    yield from _unlike_a_container(service)
    if "@sha256:" not in str(service.get("image")):
        yield ".image: write `{{ images.NAME }}`, and the NAME with its version under `images`"


def _unlike_a_container(service: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a container could not be compared with, so that it would be recreated again and again."""
    for key in _COMMANDS:
        if not isinstance(service.get(key, []), list):
            yield f".{key}: write it as a list of words"
    if not service.get("entrypoint"):
        yield ".entrypoint: it is missing: what an image runs by itself is not known here"
    volumes = service.get("volumes", [])
    mounts = volumes if isinstance(volumes, list) else [volumes]
    if not all(
        isinstance(one, Mapping) and one.get("type") == "bind" and {"source", "target"} <= one.keys() for one in mounts
    ):
        yield ".volumes: write each as {type: bind, source: PATH, target: PATH}; what is kept belongs into `{{ data }}`"


def _words(value: list[Any]) -> list[str]:
    return [str(word) for word in value]


def _labels(service: Mapping[str, Any]) -> dict[str, Any]:
    labels = service.get("labels") or {}
    if isinstance(labels, Mapping):
        return dict(labels)
    return {key: value for key, _, value in (str(one).partition("=") for one in labels)}


def _own_labels(
    stack: StackTemplate, name: str, service: Mapping[str, Any], cluster: Cluster, digest: str
) -> dict[str, str]:
    image = str(service["image"]).partition("@")[0].rpartition("/")[2]
    return {
        CLUSTER_LABEL: cluster.name,
        COMPONENT_LABEL: name,
        VERSION_LABEL: stack.images.get(image, ""),
        CONFIG_LABEL: digest,
        DIGEST_LABEL: "",
    }


def _health(stack: StackTemplate, name: str, answers: Mapping[str, Any], cluster: Cluster) -> dict[str, Any]:
    check = stack.services.health[name] if stack.services is not None else None
    if check is None:
        return {}
    named = {key: answer_named(value) for key, value in check.items()}
    put = {key: check[key] if variable is None else answers[variable] for key, variable in named.items()}
    return {HEALTH_KEY: overridden(put, cluster.spec.health.get(name))}
