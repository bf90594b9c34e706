"""Secrets that stand in a spec in clear: a new spec has none, since it goes through runs' conf and much besides.

Refused is only what is one for sure, or as good as, and where a reference can take its place (see `references`). What
may be one is masked wherever it is shown (`windlass.domain.masking`), which errs on the other side.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from windlass.domain.spec.machine_settings import places
from windlass.domain.spec.models import Cluster
from windlass.domain.spec.problem import Path, Problem
from windlass.domain.spec.references import is_reference, secrets_of
from windlass.domain.yamltext import read_all_yaml
from windlass.errors import SpecError

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_RIGHT = (
    "keep it in Airflow and write {fromVariable: windlass_secret_NAME}, or {fromConnection: ID, field: password}, in "
    "its place; what has stood here is to be changed, since it may have been kept elsewhere (docs/secrets.md)"
)
_ENDINGS = (
    "password", "passwd", "passphrase", "token", "secret", "credential", "credentials", "apikey", "privatekey",
    "accesskey", "secretkey",
)  # fmt: skip
_WORDS = frozenset({"pass", "pwd", "pw"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_CALLED = (
    r"(?:[A-Za-z0-9]+[_-]){0,12}"
    r"(?:password|passwd|passphrase|token|secret|api[_-]?key|private[_-]?key|access[_-]?key)"
)
_LITERAL = r"(?![\"']?(?:\$|`|<|/))[\"']?[^\s\"';|&]{4,}"
_URL_LOGIN = r"(?<![a-z0-9+.-])[a-z0-9+.-]+://[^\s/:@\"']*:(?![${<])[^\s/@\"']+@"
_PATTERNS = (
    ("a private key", re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY")),
    ("the login of a URL", re.compile(_URL_LOGIN, re.IGNORECASE)),
)
"""None begins anew at each letter of a long word: a text of a megabyte takes no hours."""
_HEADER = ("a login", re.compile(r"\b(?:Bearer|Basic)\s+[A-Za-z0-9+/=._~-]{8,}"))
_FILE_PATTERNS = (*_PATTERNS, _HEADER)
_COMMAND_PATTERNS = (
    *_PATTERNS,
    _HEADER,
    ("a secret", re.compile(rf"(?:^|[\s;&|\"'(-]){_CALLED}(?:=|\s*:\s+){_LITERAL}", re.IGNORECASE)),
    ("a secret", re.compile(rf"\s--{_CALLED}\s+(?!-){_LITERAL}", re.IGNORECASE)),
)


def is_sure_secret_name(name: str) -> bool:
    """Tell whether a value of this name is a secret: a name that ends with what only secrets are called."""
    words = [word.lower() for word in _WORD.findall(name)]
    return bool(words) and ("".join(words).endswith(_ENDINGS) or words[-1] in _WORDS)


def plain_secrets(cluster: Cluster) -> Iterator[Problem]:
    """Yield every secret that stands in a spec in clear; none of them is quoted."""
    spec = cluster.spec
    yield from _values(("spec", "hosts", "settings"), spec.hosts.settings)
    for index, stack in enumerate(spec.stacks):
        yield from _values(("spec", "stacks", index, "values"), stack.values)
    hooks: Path = ("spec", "upgrade", "hooks")
    yield from _values((*hooks, "environment"), spec.upgrade.hooks.environment)
    for when, commands in (("before", spec.upgrade.hooks.before), ("after", spec.upgrade.hooks.after)):
        for index, command in enumerate(commands):
            if found := _found(command, _COMMAND_PATTERNS):
                right = f"put it into spec.upgrade.hooks.environment, and use it as $NAME: {_RIGHT}"
                yield Problem((*hooks, when, index), f"the command has {found} in it in clear", right)
    yield from _of_machines(cluster)
    for index, manifest in enumerate(spec.manifests):
        if wrong := _wrong_manifest(manifest.content):
            yield Problem(("spec", "manifests", index, "content"), wrong, _RIGHT)


def _of_machines(cluster: Cluster) -> Iterator[Problem]:
    proxy = cluster.spec.hosts.proxy
    for key, value in (("httpProxy", proxy.http_proxy), ("httpsProxy", proxy.https_proxy)):
        if isinstance(value, str) and (found := _found(value)):
            yield Problem(("spec", "hosts", "proxy", key), f"{found} stands in it in clear", _RIGHT)
    for place, settings, _ in places(cluster):
        for index, file in enumerate(settings.files):
            if isinstance(file.content, str) and (found := _found(file.content, _FILE_PATTERNS)):
                yield Problem((*place, "files", index, "content"), f"{found} stands in it in clear", _RIGHT)


def refuse_plain_secrets(cluster: Cluster, filename: str) -> None:
    """SpecError if secrets stand in a spec in clear: for whoever hands it on, before it leaves this process."""
    if found := [f"{filename}: {problem}" for problem in plain_secrets(cluster)]:
        raise SpecError("\n".join(found))


def _values(path: Path, value: Any) -> Iterator[Problem]:
    if is_reference(value):
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _values((*path, key), inner)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _values((*path, index), inner)
    elif _is_given(value):
        name = next((step for step in reversed(path) if isinstance(step, str)), "")
        is_path = isinstance(value, str) and value.startswith("/")
        if is_sure_secret_name(name) and not is_path:
            yield Problem(path, "a secret stands here in clear", _RIGHT)
        elif found := _found(str(value)):
            yield Problem(path, f"{found} stands here in clear", _RIGHT)


def _is_given(value: Any) -> bool:
    return value is not None and not isinstance(value, bool) and value != ""


def _found(text: str, patterns: Iterable[tuple[str, re.Pattern[str]]] = _PATTERNS) -> str | None:
    return next((what for what, pattern in patterns if pattern.search(text)), None)


def _wrong_manifest(content: str) -> str | None:
    if found := _found(content):
        return f"{found} stands in it in clear"
    try:
        documents = list(read_all_yaml(content)) if "Secret" in content else []
    except yaml.YAMLError:
        return None  # of which other checks tell
    for number, document in enumerate(documents, start=1):
        for secret in secrets_of(document):
            for part in ("data", "stringData"):
                values = secret.get(part)
                named = values.items() if isinstance(values, Mapping) else [("", values)]
                if key := next(
                    (str(key) or part for key, one in named if _is_given(one) and not is_reference(one)), ""
                ):
                    return f"`{part}` of the Secret in document {number} has `{key}` in clear"
            metadata = secret.get("metadata")
            notes = metadata.get("annotations") if isinstance(metadata, Mapping) else None
            if isinstance(notes, Mapping) and _LAST_APPLIED in notes:
                return f"the Secret in document {number} has an annotation by kubectl with its data in clear"
    return None
