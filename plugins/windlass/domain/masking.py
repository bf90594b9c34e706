"""What of others' files and flags may be shown: whatever may be secret is masked, rather too much than too little.

A value is taken for secret by its name (`DB_PASSWORD`, `--token`, `apiKey`), by where it stands (credentials of a URL,
what follows `Bearer`), or as a private key. Names that end in `file` lead to a secret and are none. Documents that can
be read are masked by their structure; all other text line by line, with everything that follows such a name.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from windlass.domain.host.layout import DATA, ENCRYPTION_CONFIG, ETC, KUBECONFIGS, PKI, SEALED_PKI
from windlass.domain.yamltext import read_all_yaml

HIDDEN = "(hidden)"
_SECRET_PLACES = (f"{PKI}/", f"{KUBECONFIGS}/", ENCRYPTION_CONFIG, SEALED_PKI)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRET_WORDS = frozenset({"auth", "auths", "cookie", "key", "keys", "pass", "pin", "pw", "pwd"})
_SECRET_PARTS = ("token", "passw", "passphrase", "secret", "credential", "apikey", "privatekey")
_NAME = re.compile(r"[A-Za-z_][\w.-]*")
_AFTER = re.compile(r"[\"']?\s*[=:]?\s*")
_NO_SPACE = re.compile(r"\S+")
_SCHEME_END = re.compile(r"(?<=\w)://")
_USER = re.compile(r"(\s(?:-u|--user)[ =]?)\S+:\S+")
_SCHEME = re.compile(r"\b(Basic|Bearer|Negotiate|Digest)\s+\S.*", re.IGNORECASE)
_OWN_PATH = re.compile(rf"[\"']?(?:{re.escape(ETC)}|{re.escape(DATA)})/[\w./-]+[\"',;]*")
_QUOTED = re.compile(r"\b((?:Invalid|Unsupported|Duplicate) value): (?:\"(?:[^\"\\]|\\.)*\"|[^\s:]+)")
"""As errors of validation have it (apimachinery/pkg/util/validation/field/errors.go)."""
_PRIVATE_KEY = "PRIVATE KEY"
_REFERS = frozenset({"operator", "effect", "path", "optional"})
"""What stands beside a `key` that only names a label, a taint or an entry, as in objects of Kubernetes."""


def is_secret_place(path: str) -> bool:
    """Tell whether a file's content is secret by where it lies."""
    return path.startswith(_SECRET_PLACES)


def is_secret_name(name: str) -> bool:
    """Tell whether a value of this name may be secret."""
    words = [word.lower() for word in _WORD.findall(name)]
    if not words or words[-1] in {"file", "files"} or words[-1].endswith("keyfile"):
        return False
    run_together = "".join(words)
    return bool(_SECRET_WORDS & set(words)) or any(part in run_together for part in _SECRET_PARTS)


def shown_lines(path: str, text: str) -> list[str] | None:
    """Return the lines of a file as they may be shown; None if nothing of it may be.

    YAML, JSON and TOML are shown as YAML without comments. One that cannot be read is not shown.
    """
    if is_secret_place(path) or _PRIVATE_KEY in text:
        return None
    suffix = path.rpartition(".")[2].lower()
    if suffix not in _READERS:
        return list(mask_lines(text.splitlines()))
    try:
        documents = _READERS[suffix](text)
        return [line for one in documents for line in document_lines(one)]
    except (ValueError, yaml.YAMLError, RecursionError):
        return None


def document_lines(document: Any) -> list[str]:
    """Return a document as the lines of its YAML, masked."""
    shown: str = yaml.safe_dump(mask_document(document), sort_keys=False, allow_unicode=True, width=2**20)
    return [line for line in shown.splitlines() if line != "..."]


def mask_document(value: Any) -> Any:
    """Return a document with all that may be secret masked."""
    match value:
        case Mapping():
            names_secret = any(
                is_secret_name(str(one)) for name, one in value.items() if str(name).lower() in {"name", "key"}
            )
            is_shown = {"name"} | ({"key"} if _REFERS & value.keys() else set())
            return {
                str(name): HIDDEN
                if str(name) not in is_shown and (names_secret or _hides(str(name), one))
                else mask_document(one)
                for name, one in value.items()
            }
        case list() | tuple():
            return list(_mask_list(value))
        case str():
            return mask_text(value)
        case _:
            return value


def mask_text(text: str) -> str:
    """Return a text, of one line or of many, with all that may be secret masked."""
    return HIDDEN if _PRIVATE_KEY in text else "\n".join(mask_lines(text.split("\n")))


def mask_lines(lines: Sequence[str]) -> Iterator[str]:
    """Yield lines of text with all that may be secret masked, the lines that go on with it included."""
    depth: int | None = None  # of the line whose deeper lines are hidden
    hides_next = False
    for line in lines:
        indent = len(line) - len(line.lstrip())
        is_item_below = indent == depth and line.lstrip().startswith("-")
        if hides_next or (depth is not None and line.strip() and (indent > depth or is_item_below)):
            yield f"{line[:indent]}{HIDDEN}"
            hides_next = hides_next and line.endswith("\\")
            continue
        depth = depth if not line.strip() else None
        masked, found = _mask_line(line)
        if found is not None:
            depth, hides_next = indent, not found.strip("\\ \t\"'=:[{(|>-") or line.endswith("\\")
        yield masked


def mask_logins(text: str) -> str:
    """Return a text without the logins of URLs in it."""
    return _NO_SPACE.sub(_without_login, text) if "://" in text and "@" in text else text


def _without_login(found: re.Match[str]) -> str:
    """Return what stands between two spaces without what lies between `://` and the last `@`.

    Not by one expression: that would begin anew at each letter of a text that a host made long.
    """
    word = found[0]
    begin, end = _SCHEME_END.search(word), word.rfind("@")
    return word if begin is None or end < begin.end() else f"{word[: begin.end()]}{HIDDEN}{word[end:]}"


def mask_api_message(text: str) -> str:
    """Return what an API server says of an object without the values that it quotes of it."""
    return _QUOTED.sub(rf"\1: {HIDDEN}", text)


def mask_flag(flag: str) -> tuple[str, str]:
    """Return name and value of a flag (`--name=value`), the value as it may be shown."""
    name, equals, value = flag.partition("=")
    if not equals:
        return name, ""
    if is_secret_name(name) and not _OWN_PATH.fullmatch(value):
        return name, HIDDEN
    return name, mask_text(value)


def _hides(name: str, value: Any) -> bool:
    """Tell whether what stands below `name` is secret as a whole; switches and numbers without a value are not."""
    if value is None or isinstance(value, bool):
        return False
    if name.lower() in {"authorization", "proxy-authorization"}:
        return not isinstance(value, Mapping)
    return is_secret_name(name) and not (isinstance(value, str) and _OWN_PATH.fullmatch(value))


def _mask_list(values: Sequence[Any]) -> Iterator[Any]:
    """Yield items masked; what follows a flag without a value of its own is that flag's value."""
    hides = False
    for one in values:
        yield HIDDEN if hides else mask_document(one)
        hides = isinstance(one, str) and one.startswith("-") and "=" not in one and is_secret_name(one)


def _mask_line(line: str) -> tuple[str, str | None]:
    """Return the line masked, and what followed the name of a secret in it; None if none is named."""
    if _PRIVATE_KEY in line:
        return HIDDEN, ""
    line = _SCHEME.sub(rf"\1 {HIDDEN}", _USER.sub(rf"\1{HIDDEN}", mask_logins(line)))
    for found in _NAME.finditer(line):
        if not is_secret_name(found[0]):
            continue
        rest = line[found.end() :]
        after = _AFTER.match(rest)
        value = rest[after.end() :] if after else rest
        if _OWN_PATH.fullmatch(value.strip()):
            continue
        return (f"{line[: found.end()]}{after[0] if after else ' '}{HIDDEN}" if value else line), rest
    return line, None


def _read_toml(text: str) -> Iterator[Any]:
    yield tomllib.loads(text)


def _read_json(text: str) -> Iterator[Any]:
    yield json.loads(text) if text.strip() else {}


_READERS = {
    "yaml": read_all_yaml,
    "yml": read_all_yaml,
    "json": _read_json,
    "conflist": _read_json,
    "toml": _read_toml,
}
