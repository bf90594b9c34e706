"""References of a spec to secrets that Airflow keeps, in Variables and connections: their form, and where they stand.

`{fromVariable: NAME}` is the text of a Variable; `{fromConnection: ID, field: password}` a field of a connection. They
stand for texts: answers of stacks, contents of files on hosts, settings of the host provider, the environment of hooks,
and in manifests the values of `data` and `stringData` of Secrets. A spec is stored with them; what they stand for is
put in at the last moment (`with_values`), into a copy that only rendering sees.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml

from windlass.domain.spec.hosts import Host, Hosts
from windlass.domain.spec.machine import MachineSettings
from windlass.domain.spec.machine_settings import places
from windlass.domain.spec.models import Cluster, ClusterSpec, Manifest
from windlass.domain.spec.problem import Path, Problem
from windlass.domain.spec.secret_scope import wrong_variable
from windlass.domain.yamltext import read_all_yaml
from windlass.errors import SpecError

VARIABLE, CONNECTION, FIELD = "fromVariable", "fromConnection", "field"
DEFAULT_FIELD = "password"
EXTRA = "extra."
SETTINGS, STACKS, HOOKS, MANIFESTS = "hosts.settings", "stacks", "upgrade.hooks", "manifests"
FILES, PROXY = "files", "hosts.proxy"
EVERYWHERE = (SETTINGS, STACKS, HOOKS, MANIFESTS, FILES, PROXY)
"""The parts of a spec that references may stand in."""
ON_HOSTS = (STACKS, FILES, PROXY)
"""Those that files of hosts are rendered from."""
_KEYS = frozenset({VARIABLE, CONNECTION, FIELD})
_NAME = re.compile(r"[A-Za-z0-9_./:-]{1,250}")
_FIELD = re.compile(r"password|login|host|schema|extra\.[A-Za-z0-9_-]{1,100}")
_FORMS = "write {fromVariable: windlass_secret_NAME}, or {fromConnection: ID, field: password}"
_SECRET_PARTS = ("data", "stringData")


@dataclass(frozen=True, order=True)
class SecretReference:
    """Where Airflow keeps a secret: a Variable, or a field of a connection."""

    name: str
    field: str = ""
    """Of the connection: password, login, host, schema or `extra.KEY`; empty: it is a Variable."""

    def __str__(self) -> str:
        return f"`{self.field}` of the connection `{self.name}`" if self.field else f"the Variable `{self.name}`"


class RevealedText(str):
    """A text that stands in the place of a reference: what is rendered from it is for root alone."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "RevealedText(hidden)"


NodeFiles = TypeVar("NodeFiles", ClusterSpec, Host, MachineSettings)
ValueOf = Callable[[SecretReference], str]
"""Returns what a reference stands for."""


def is_reference(value: Any) -> bool:
    """Tell whether a value of a spec is meant to be a reference, be its form right or wrong."""
    return isinstance(value, Mapping) and bool({VARIABLE, CONNECTION} & value.keys())


def wrong_reference(value: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return what is wrong with a reference, and what would be right; None if nothing is. No value is quoted."""
    if others := sorted(map(str, value.keys() - _KEYS)):
        return f"a reference has no key `{others[0]}`", _FORMS
    if {VARIABLE, CONNECTION} <= value.keys() or (VARIABLE in value and FIELD in value):
        return "the reference is to a Variable and to a connection at once", _FORMS
    key = VARIABLE if VARIABLE in value else CONNECTION
    if not isinstance(value[key], str) or not _NAME.fullmatch(value[key]):
        return f"`{key}` names nothing: a name has letters, digits and `_ . / : -`", _FORMS
    field = value.get(FIELD, DEFAULT_FIELD)
    if not isinstance(field, str) or not _FIELD.fullmatch(field):
        return "a connection has no such field", "it is one of password, login, host, schema, extra.KEY"
    return None


def read_reference(value: Mapping[str, Any]) -> SecretReference:
    """Read a reference; SpecError if its form is wrong."""
    if wrong := wrong_reference(value):
        raise SpecError("; ".join(wrong))
    if VARIABLE in value:
        return SecretReference(value[VARIABLE])
    return SecretReference(value[CONNECTION], value.get(FIELD, DEFAULT_FIELD))


def references_in(cluster: Cluster) -> tuple[tuple[Path, SecretReference], ...]:
    """Return every reference of a spec with the path at which it stands; SpecError if the form of one is wrong."""
    return tuple((path, read_reference(value)) for path, value in _references(cluster))


def reference_problems(cluster: Cluster) -> Iterator[Problem]:
    """Yield what is wrong with the references of a spec, and values of a hook's environment that are neither."""
    for path, value in _references(cluster):
        wrong = wrong_reference(value)
        if wrong is None and VARIABLE in value:
            wrong = wrong_variable(value[VARIABLE], cluster.name)
        if wrong is not None:
            yield Problem(path, *wrong)
    for name, value in cluster.spec.upgrade.hooks.environment.items():
        if not isinstance(value, str) and not is_reference(value):
            path = ("spec", "upgrade", "hooks", "environment", name)
            yield Problem(path, "the value is neither text nor a reference", f"write it in quotes; or {_FORMS}")
    for index, manifest in enumerate(cluster.spec.manifests):
        for number, document in enumerate(_documents(manifest.content), start=1):
            if any(True for _ in _misplaced(document)):
                told = f"document {number} has a reference outside of `data` and `stringData` of a Secret"
                right = "put it into a Secret, and let the object refer to that one"
                yield Problem(("spec", "manifests", index, "content"), told, right)


def with_values(cluster: Cluster, value_of: ValueOf, *parts: str) -> Cluster:
    """Return the spec with texts in the place of the references in `parts`, which are of `EVERYWHERE`.

    What comes out is for rendering alone: it is never stored, shown or compared with another spec.
    """
    spec = cluster.spec
    changes: dict[str, Any] = {}
    if SETTINGS in parts:
        changes["hosts"] = spec.hosts.model_copy(update={"settings": put_values(spec.hosts.settings, value_of)})
    if STACKS in parts:
        stacks = (one.model_copy(update={"values": put_values(one.values, value_of)}) for one in spec.stacks)
        changes["stacks"] = tuple(stacks)
    if HOOKS in parts:
        environment = put_values(spec.upgrade.hooks.environment, value_of)
        hooks = spec.upgrade.hooks.model_copy(update={"environment": environment})
        changes["upgrade"] = spec.upgrade.model_copy(update={"hooks": hooks})
    if MANIFESTS in parts:
        changes["manifests"] = tuple(_filled(one, value_of) for one in spec.manifests)
    if FILES in parts and any(True for _ in _file_references(cluster)):
        changes |= _with_files(cluster, changes.get("hosts", spec.hosts), value_of)
    if PROXY in parts and any(True for _ in _proxy_references(spec.hosts)):
        hosts = changes.get("hosts", spec.hosts)
        values = {name: put_values(value, value_of) for name, value in _proxies(hosts)}
        changes["hosts"] = hosts.model_copy(update={"proxy": hosts.proxy.model_copy(update=values)})
    return cluster.model_copy(update={"spec": spec.model_copy(update=changes)})


def _with_files(cluster: Cluster, hosts: Hosts, value_of: ValueOf) -> dict[str, Any]:
    def filled(section: NodeFiles) -> NodeFiles:
        files = (one.model_copy(update={"content": put_values(one.content, value_of)}) for one in section.files)
        return section.model_copy(update={"files": tuple(files)})

    members = tuple(filled(host) for host in hosts.members)
    return {
        "files": filled(cluster.spec).files,
        "roles": {role: filled(settings) for role, settings in cluster.spec.roles.items()},
        "hosts": hosts.model_copy(update={"members": members}),
    }


def _proxies(hosts: Hosts) -> tuple[tuple[str, Any], ...]:
    return ("http_proxy", hosts.proxy.http_proxy), ("https_proxy", hosts.proxy.https_proxy)


def _proxy_references(hosts: Hosts) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    keys = ("httpProxy", "httpsProxy")
    for key, (_, value) in zip(keys, _proxies(hosts), strict=True):
        if is_reference(value):
            yield ("spec", "hosts", "proxy", key), value


def _file_references(cluster: Cluster) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for path, settings, _ in places(cluster):
        for index, file in enumerate(settings.files):
            if is_reference(file.content):
                yield (*path, "files", index, "content"), file.content


def put_values(value: Any, value_of: ValueOf) -> Any:
    """Return a value of a spec with texts in the place of its references."""
    if is_reference(value):
        return RevealedText(value_of(read_reference(value)))
    if isinstance(value, Mapping):
        return {key: put_values(inner, value_of) for key, inner in value.items()}
    return [put_values(inner, value_of) for inner in value] if isinstance(value, list | tuple) else value


def secrets_of(document: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every Secret of Kubernetes in a document, also those of a list of objects."""
    if isinstance(document, Mapping):
        if document.get("kind") == "Secret":
            yield document
        for value in document.values():
            yield from secrets_of(value)
    elif isinstance(document, list):
        for value in document:
            yield from secrets_of(value)


def _references(cluster: Cluster) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    spec = cluster.spec
    yield from _below(("spec", "hosts", "settings"), spec.hosts.settings)
    for index, stack in enumerate(spec.stacks):
        yield from _below(("spec", "stacks", index, "values"), stack.values)
    yield from _file_references(cluster)
    yield from _proxy_references(spec.hosts)
    yield from _below(("spec", "upgrade", "hooks", "environment"), spec.upgrade.hooks.environment)
    for index, manifest in enumerate(spec.manifests):
        for document in _documents(manifest.content):
            for secret in secrets_of(document):
                yield from ((("spec", "manifests", index, "content"), one) for one in _references_of(secret))


def _references_of(secret: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    parts = (secret.get(part) for part in _SECRET_PARTS)
    return [value for part in parts if isinstance(part, Mapping) for value in part.values() if is_reference(value)]


def _below(path: Path, value: Any) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    if is_reference(value):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _below((*path, key), inner)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _below((*path, index), inner)


def _documents(content: str) -> list[Any]:
    """Return the documents of a manifest; none of one that cannot be read, which other checks tell of."""
    if VARIABLE not in content and CONNECTION not in content:
        return []
    try:
        return list(read_all_yaml(content))
    except yaml.YAMLError:
        return []


def _filled(manifest: Manifest, value_of: ValueOf) -> Manifest:
    """Return a manifest with values in its Secrets; those of `data` in the base64 that stands there."""
    documents = _documents(manifest.content)
    secrets = (secret for document in documents for secret in secrets_of(document))
    if not any(_references_of(secret) for secret in secrets):
        return manifest
    filled = [_filled_document(document, value_of) for document in documents]
    return manifest.model_copy(update={"content": yaml.safe_dump_all(filled, sort_keys=False, allow_unicode=True)})


def _filled_document(document: Any, value_of: ValueOf) -> Any:
    if isinstance(document, list):
        return [_filled_document(one, value_of) for one in document]
    if not isinstance(document, Mapping):
        return document
    filled = {key: _filled_document(value, value_of) for key, value in document.items()}
    if document.get("kind") == "Secret":
        filled |= {part: _filled_part(document[part], part, value_of) for part in _SECRET_PARTS if part in document}
    return filled


def _filled_part(values: Any, part: str, value_of: ValueOf) -> Any:
    def text(value: Any) -> Any:
        if not is_reference(value):
            return value
        found = value_of(read_reference(value))
        return base64.b64encode(found.encode()).decode() if part == "data" else found

    return {key: text(value) for key, value in values.items()} if isinstance(values, Mapping) else values


def _misplaced(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield what has all the form of a reference outside of where one may stand."""
    if isinstance(value, Mapping):
        if is_reference(value) and value.keys() <= _KEYS:
            yield value
            return
        skipped = _SECRET_PARTS if value.get("kind") == "Secret" else ()
        for key, inner in value.items():
            if key not in skipped:
                yield from _misplaced(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _misplaced(inner)
