"""Stacks: the Compose file of each purpose on a host, and the configuration beside it."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jinja2 import TemplateRuntimeError

from windlass.domain.catalog.stacks import StackTemplate
from windlass.domain.host.health_check import HEALTH_KEY, overridden
from windlass.domain.host.layout import DELETES_DATA, DIGEST_LABEL, stack_data_directory, stack_directory
from windlass.domain.rendering.context import HostInputs, component_flags
from windlass.domain.rendering.files import FOR_ROOT, RenderedFile
from windlass.domain.rendering.plain_compose import dumped, finished_services
from windlass.domain.spec.models import Cluster, Host
from windlass.domain.spec.references import STACKS, RevealedText, is_reference, with_values
from windlass.domain.yamltext import parse_yaml
from windlass.errors import SpecError

_COMPOSE = "compose.yaml"
_CONTROL_PLANE = "control-plane"
_COMPONENTS = {
    "etcd": ("etcd",),
    _CONTROL_PLANE: ("kube-apiserver", "kube-controller-manager", "kube-scheduler"),
}
"""Components of each stack whose flags are a template of their own."""
OWN_STACKS = frozenset({"api-proxy", *_COMPONENTS})
"""Windlass's own stacks; every other one is of the user's."""
OWN_COMPONENTS = frozenset({"api-proxy", *(component for stack in _COMPONENTS.values() for component in stack)})
"""What Windlass's own stacks run; every other component is of a stack of the user's."""


def host_stacks(cluster: Cluster, host: Host) -> tuple[str, ...]:
    """Return the names of the stacks that `host` runs: Windlass's by its roles, then the spec's own."""
    own = tuple(stack.name for stack in cluster.stacks if stack.runs_on(host))
    planes = (role for role in ("etcd", "control-plane") if role in host.roles)
    return (*planes, "api-proxy", *own)


def digest_of(service: Mapping[str, Any] | str | bytes) -> str:
    """Return `sha256:` and the digest of what was rendered: a text, or what a Compose service runs.

    Neither the digest's own label counts nor the health check, which the container does not know of: it follows the
    number of members, and a change of it restarts nothing.
    """
    if isinstance(service, str | bytes):
        content = service.encode() if isinstance(service, str) else service
    else:
        labels = {key: value for key, value in service.get("labels", {}).items() if key != DIGEST_LABEL}
        runs = {key: value for key, value in service.items() if key != HEALTH_KEY}
        content = json.dumps({**runs, "labels": labels}, sort_keys=True, separators=(",", ":")).encode()
    return "sha256:" + hashlib.sha256(content).hexdigest()


def render_stack(stack: str, inputs: HostInputs) -> dict[str, RenderedFile]:
    """Render the Compose file of `stack` for one host and what lies beside it, by absolute path."""
    templates = inputs.whole.templates
    inputs = _as_reached_by(stack, inputs)
    context = _context(stack, inputs)
    files = {name: templates.render(f"stacks/{stack}/{name}", context) for name in _files_beside(stack, inputs)}
    files[_COMPOSE] = _render_compose(stack, inputs, context, files)
    directory = stack_directory(stack)
    is_private = stack == _CONTROL_PLANE or _has_secrets(context["values"])
    return {
        # The engine reads Compose files, as root; images bring users of their own, who read what lies beside.
        f"{directory}/{name}": RenderedFile(text.encode(), FOR_ROOT if is_private or name == _COMPOSE else 0o644)
        for name, text in files.items()
    }


def compose_alone(stack: str, inputs: HostInputs) -> str:
    """Render the Compose file of `stack` for who asks what its services are, and not what they are configured with.

    No secret makes a difference to that, and whoever watches is given none: a word stands in its place.
    """
    cluster = with_values(inputs.whole.cluster, lambda _: "none", STACKS)
    inputs = _as_reached_by(stack, replace(inputs, whole=replace(inputs.whole, cluster=cluster)))
    return _render_compose(stack, inputs, _context(stack, inputs), {})


def _context(stack: str, inputs: HostInputs) -> dict[str, Any]:
    return inputs.context() | {
        "directory": stack_directory(stack),
        "data": stack_data_directory(stack),
        "values": _values_of(stack, inputs),
        "stack_hosts": _hosts_of(stack, inputs.whole.cluster),
        "refuse": _refuse,
    }


def _refuse(reason: str) -> str:
    """Have a template say why answers cannot be, each of which is good by itself."""
    raise TemplateRuntimeError(reason)


def _hosts_of(stack: str, cluster: Cluster) -> tuple[Host, ...]:
    """Return the hosts that run a stack: whoever has run it longest first where Windlass chose them."""
    picked = next((one for one in cluster.stacks if one.name == stack), None)
    if picked is None:
        return ()
    hosts = {host.name: host for host in cluster.spec.hosts.members if picked.runs_on(host)}
    order = hosts if picked.placed is None else picked.placed
    return tuple(hosts[name] for name in order if name in hosts)


def _render_compose(stack: str, inputs: HostInputs, context: Mapping[str, Any], files: Mapping[str, str]) -> str:
    """Render twice: the digests of the services are labels of the services, and not part of what is digested."""
    templates = inputs.whole.templates
    context = {
        **context,
        "flags": {name: component_flags(name, templates, context) for name in _COMPONENTS.get(stack, ())},
        "config_digest": digest_of(json.dumps(files, sort_keys=True)),
        "override": _Overrides(inputs.whole.cluster),
    }
    name = f"stacks/{stack}/{_COMPOSE}"
    draft = inputs.whole.templates.render(name, {**context, "digests": defaultdict(str)})
    document = parse_yaml(f"{name} as rendered", draft)[0]
    if not isinstance(document, dict) or not isinstance(document.get("services"), dict):
        raise SpecError(f"template {name}: it gives no Compose file with services")
    template = inputs.whole.release.stacks.get(stack)
    if template is not None and template.services is not None:
        text = _finished(template, document, context, inputs.whole.cluster)
    else:
        digests = {service: digest_of(content) for service, content in document["services"].items()}
        text = inputs.whole.templates.render(name, {**context, "digests": digests})
    picked = next((one for one in inputs.whole.cluster.stacks if one.name == stack), None)
    # Whoever takes the stack away has another spec, which says nothing of it any more.
    return f"{text.rstrip()}\n{DELETES_DATA}\n" if picked is not None and picked.data == "delete" else text


def _finished(
    template: StackTemplate, document: Mapping[str, Any], context: Mapping[str, Any], cluster: Cluster
) -> str:
    services = finished_services(template, document, context["values"], cluster, context["config_digest"])
    for service in services.values():
        service["labels"][DIGEST_LABEL] = digest_of(service)
    return dumped(template, document, services)


class _Overrides:
    """Health checks as the spec changes them, for templates to call."""

    def __init__(self, cluster: Cluster) -> None:
        self._health = cluster.spec.health

    def __call__(self, service: str, check: Mapping[str, Any]) -> dict[str, Any]:
        return overridden(check, self._health.get(service))


def _files_beside(stack: str, inputs: HostInputs) -> list[str]:
    prefix, suffix = f"stacks/{stack}/", ".j2"
    names = [name[len(prefix) : -len(suffix)] for name in inputs.whole.release.templates if name.startswith(prefix)]
    return sorted(name for name in names if name != _COMPOSE)


def _as_reached_by(stack: str, inputs: HostInputs) -> HostInputs:
    release = inputs.whole.release.for_stack(stack)
    return replace(inputs, whole=replace(inputs.whole, release=release))


def _has_secrets(value: Any) -> bool:
    """Tell whether a secret that the spec refers to is among a stack's answers: then its files are root's alone."""
    if isinstance(value, Mapping):
        return any(map(_has_secrets, value.values()))
    return any(map(_has_secrets, value)) if isinstance(value, list) else isinstance(value, RevealedText)


def _values_of(stack: str, inputs: HostInputs) -> Mapping[str, Any]:
    """Return what the spec says for one of the user's stacks, and the defaults of what it leaves out."""
    values = next((own.values for own in inputs.whole.cluster.stacks if own.name == stack), {})
    if unknown := sorted(name for name, value in values.items() if is_reference(value)):
        raise SpecError(f"stack {stack}: the reference in its value `{unknown[0]}` was not resolved")
    template = inputs.whole.release.stacks.get(stack)
    return template.answers(values) if template else values
