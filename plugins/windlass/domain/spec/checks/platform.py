"""Checks of the release, drivers, components, manifests, stacks and etcd's tuning."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import yaml

from windlass.domain.catalog.flags import COMPONENTS
from windlass.domain.catalog.stacks import StackTemplate
from windlass.domain.oneline import line_breaker
from windlass.domain.spec.checks.syntax import wrong_dns_name
from windlass.domain.spec.models import Cluster, Stack
from windlass.domain.spec.placement import fitting_hosts, scale_of
from windlass.domain.spec.problem import Path, Problem, nearest, suggestion
from windlass.domain.spec.references import is_reference
from windlass.domain.yamltext import compose_all_yaml

VERSION = re.compile(r"v[0-9]+\.[0-9]+\.[0-9]+")
_NAMES = frozenset({"apiVersion", "kind", "metadata.name", "metadata.namespace"})
FLAG = re.compile(r"[a-z0-9][a-z0-9.-]*")


def version_problems(cluster: Cluster, known_versions: Sequence[str] | None) -> Iterator[Problem]:
    """Check that the version is one of the catalog's, or at least has the form of one."""
    path = ("spec", "kubernetes", "version")
    version = cluster.spec.kubernetes.version
    if known_versions is None:
        if not VERSION.fullmatch(version):
            yield Problem(path, f"`{version}` is no version", "write it in full, such as v1.37.2")
    elif version not in known_versions:
        known = ", ".join(sorted(known_versions, key=_by_number)) or "none"
        meant = nearest(version, known_versions)
        advice = f"did you mean `{meant}`? known are {known}" if meant else f"known are {known}"
        yield Problem(path, f"the catalog has no Kubernetes `{version}`", advice)


def stack_problems(cluster: Cluster, known_stacks: Mapping[str, StackTemplate] | None) -> Iterator[Problem]:
    """Check that the stacks are the catalog's, and that their questions are answered well."""
    for index, stack in enumerate(cluster.spec.stacks if known_stacks is not None else ()):
        path: Path = ("spec", "stacks", index)
        template = (known_stacks or {}).get(stack.name)
        if template is None:
            advice = suggestion(stack.name, known_stacks or {})
            yield Problem((*path, "name"), f"the catalog has no stack `{stack.name}`", advice)
            continue
        if template.broken:
            told = "; ".join(template.broken.splitlines())
            yield Problem((*path, "name"), f"the stack `{stack.name}` cannot be picked: {told}", "correct that")
            continue
        yield from _too_few_hosts(cluster, stack, template, path)
        texts = {one.variable for one in template.questions if one.may_refer}
        for found in template.problems(stack.values):
            where: Path = (*path, "values") if found.is_missing else (*path, "values", found.variable)
            if found.variable in texts and is_reference(stack.values.get(found.variable)):
                continue  # which has its own checks; what it stands for is looked at when it is put in
            yield Problem(where, found.wrong, found.right)


def multiline_answers(cluster: Cluster, known_stacks: Mapping[str, StackTemplate] | None) -> set[Path]:
    """Return the paths of answers that are asked for as texts of lines, which are checked as such."""
    return {
        ("spec", "stacks", index, "values", question.variable)
        for index, stack in enumerate(cluster.spec.stacks)
        if known_stacks is not None and stack.name in known_stacks
        for question in known_stacks[stack.name].questions
        if question.kind == "multiline"
    }


def _too_few_hosts(cluster: Cluster, stack: Stack, template: StackTemplate, path: Path) -> Iterator[Problem]:
    """Check that as many hosts fit as a stack is to run on; where none fits by the spec alone, another check tells."""
    fitting, scale = fitting_hosts(cluster, stack, template), scale_of(stack, template)
    is_told = not any(stack.fits(host) for host in cluster.spec.hosts.members)
    if is_told or len(fitting) >= (scale or 1):
        return
    wrong = f"`{stack.name}` is to run on {scale or 'all hosts that fit'}, and {', '.join(fitting) or 'no host'} fits"
    asked = [f"{key}={value}" for key, value in (template.services.labels if template.services else {}).items()]
    labels = f"give more hosts what it asks for (labels {', '.join(asked)})" if asked else "let more hosts fit"
    yield Problem((*path, *(["scale"] if stack.scale else [])), wrong, f"{labels}, or take a smaller scale")


def components(cluster: Cluster) -> Iterator[Problem]:
    """Check that flags are given to components that run, and are written without dashes."""
    for name, component in cluster.spec.components.items():
        path: Path = ("spec", "components", name)
        if name not in COMPONENTS:
            yield Problem(path, f"no component `{name}` is known", suggestion(name, COMPONENTS))
        for flag in component.extra_args:
            if not FLAG.fullmatch(flag):
                right = flag.lstrip("-").partition("=")[0]
                advice = f"write `{right}` without dashes, and its value behind the colon"
                yield Problem((*path, "extraArgs", flag), f"`{flag}` is no name of a flag", advice)


def health_names(cluster: Cluster) -> Iterator[Problem]:
    """Check that health checks are overridden for what can be a service's name."""
    for name in cluster.spec.health:
        if wrong := wrong_dns_name(name):
            yield Problem(("spec", "health", name), *wrong)


def etcd_timing(cluster: Cluster) -> Iterator[Problem]:
    """Check that an election outlasts five heartbeats; etcd refuses to start otherwise."""
    etcd = cluster.spec.etcd
    if etcd.election_milliseconds < 5 * etcd.heartbeat_milliseconds:
        wrong = f"{etcd.election_milliseconds} ms is less than five heartbeats of {etcd.heartbeat_milliseconds} ms"
        right = f"give at least {5 * etcd.heartbeat_milliseconds}, better {10 * etcd.heartbeat_milliseconds}"
        yield Problem(("spec", "etcd", "electionMilliseconds"), wrong, right)


def manifests(cluster: Cluster) -> Iterator[Problem]:
    """Check that manifests have names of their own and hold Kubernetes objects."""
    yield from _named_alike(("spec", "manifests"), [manifest.name for manifest in cluster.spec.manifests])
    for index, manifest in enumerate(cluster.spec.manifests):
        if wrong := _wrong_objects(manifest.content):
            yield Problem(("spec", "manifests", index, "content"), *wrong)


def stacks(cluster: Cluster) -> Iterator[Problem]:
    """Check that stacks have names of their own and run on hosts of this cluster."""
    yield from _named_alike(("spec", "stacks"), [stack.name for stack in cluster.spec.stacks])
    hosts = [host.name for host in cluster.spec.hosts.members]
    for index, stack in enumerate(cluster.spec.stacks):
        for place, name in enumerate(stack.hosts):
            if name not in hosts:
                path = ("spec", "stacks", index, "hosts", place)
                yield Problem(path, f"no host is called `{name}`", suggestion(name, hosts))
        if set(stack.hosts) <= set(hosts) and not any(stack.fits(host) for host in cluster.spec.hosts.members):
            wrong = f"no host has what `{stack.name}` asks for, so that it runs nowhere"
            yield Problem(("spec", "stacks", index), wrong, "give hosts its roles and labels, or ask for others")


def cloud_provider(cluster: Cluster) -> Iterator[Problem]:
    """Check that a cloud controller manager comes along where nodes wait for one."""
    kubernetes = cluster.spec.kubernetes
    if kubernetes.cloud_provider == "external" and not cluster.spec.manifests:
        wrong = "nodes wait for a cloud controller manager, and no manifest brings one"
        yield Problem(("spec", "kubernetes", "cloudProvider"), wrong, "add it under spec.manifests, or say `none`")


CHECKS: tuple[Callable[[Cluster], Iterator[Problem]], ...] = (
    components,
    health_names,
    etcd_timing,
    manifests,
    stacks,
    cloud_provider,
)


def _by_number(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"[0-9]+", version))


def _named_alike(path: Path, names: Sequence[str]) -> Iterator[Problem]:
    for index, name in enumerate(names):
        if wrong := wrong_dns_name(name):
            yield Problem((*path, index, "name"), *wrong)
        if name in names[:index]:
            yield Problem((*path, index, "name"), f"the name `{name}` is given twice", "give each its own name")


def _is_empty(node: yaml.Node | None) -> bool:
    return node is None or (isinstance(node, yaml.ScalarNode) and node.value == "")


def _wrong_objects(content: str) -> tuple[str, str] | None:
    """Say what keeps `content` from being Kubernetes objects; contents are not shown, they may be secret."""
    try:
        documents = [node for node in compose_all_yaml(content) if not _is_empty(node)]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return f"its line {line} is no YAML that can be read: {error.problem}", "check indentation, quotes and colons"
    except yaml.YAMLError:
        return "it is no YAML that can be read", "check it with `kubectl create --dry-run=client`"
    for number, node in enumerate(documents, start=1):
        keys = [key.value for key, _ in node.value] if isinstance(node, yaml.MappingNode) else []
        if missing := [key for key in ("apiVersion", "kind") if key not in keys]:
            return f"document {number} has no {' and no '.join(missing)}", "each document is one Kubernetes object"
        if broken := [name for name, value in _names(node) if line_breaker(value)]:
            wrong = f"{' and '.join(broken)} of document {number} has a line break or another control character in it"
            return wrong, "no object can be called so; write the name on one line"
    return None if documents else ("it holds no objects", "leave the manifest out")


def _names(node: yaml.Node, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield what names an object, and says of what kind it is: the key and the value."""
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        path = f"{prefix}{key.value}"
        if path in _NAMES and isinstance(value, yaml.ScalarNode):
            yield path, value.value
        elif path == "metadata":
            yield from _names(value, "metadata.")
