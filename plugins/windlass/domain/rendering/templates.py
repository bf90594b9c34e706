"""Jinja2 as Windlass uses it: an undefined name is an error, nothing is read from disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jinja2 import (
    DictLoader,
    StrictUndefined,
    TemplateError,
    TemplateNotFound,
    TemplateRuntimeError,
    TemplateSyntaxError,
)
from jinja2.sandbox import SandboxedEnvironment

from windlass.domain.addresses import family, in_url
from windlass.domain.catalog import Release
from windlass.domain.oneline import line_breaker
from windlass.domain.yamltext import parse_yaml
from windlass.errors import SpecError

_SUFFIX = ".j2"
_OF_EXPRESSIONS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What an expression of a template raises that asks too much of a value."""


class Templates:
    """The templates of one release."""

    def __init__(self, release: Release) -> None:
        self._version = release.version
        self._environment = _environment_of(frozenset(release.templates.items()))

    def compile(self) -> None:
        """Compile every template now; it is kept for all who render the same templates in this process."""
        for name in self._environment.list_templates():
            self._environment.get_template(name)

    def render(self, name: str, context: Mapping[str, Any]) -> str:
        """Render the template `name` (without its suffix); SpecError names template and line if that fails."""
        try:
            return self._environment.get_template(name + _SUFFIX).render(context)
        except TemplateNotFound as error:
            raise SpecError(f"the catalog's {self._version} has no template `{error.name}`") from error
        except TemplateSyntaxError as error:
            where = f"{error.name or name}, line {error.lineno}"
            raise SpecError(f"the catalog's {self._version}: template {where}: {error.message}") from error
        except (TemplateError, *_OF_EXPRESSIONS) as error:
            line = _failing_line(error)
            raise SpecError(f"the catalog's {self._version}: template {name}{_SUFFIX}{line}: {error}") from error

    def render_yaml(self, name: str, context: Mapping[str, Any]) -> Any:
        """Render the template `name` and read the YAML document it gives."""
        return parse_yaml(f"{name} as rendered", self.render(name, context))[0]


@lru_cache(maxsize=8)
def _environment_of(templates: frozenset[tuple[str, str]]) -> SandboxedEnvironment:
    """Return the environment of `templates`, kept because compiling them is nine tenths of the work of rendering."""
    # Drivers and stacks are others' work: nothing of Python is reached from theirs. Values are quoted by the filters.
    environment = SandboxedEnvironment(
        loader=DictLoader(dict(templates)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"json": _json, "compose": _compose, "systemd": _systemd, "digest": _digest}
    environment.filters |= {"in_url": in_url, "address": _address, "everywhere": _everywhere}
    return environment


def _json(value: Any) -> str:
    """Quote `value` for YAML, JSON and TOML strings alike; what ends a line there and not in JSON is refused."""
    return _one_line(json.dumps(value, ensure_ascii=False))


def _compose(value: Any) -> str:
    """Quote `value` for a Compose file, where `$` would start a variable."""
    return _json(value).replace("$", "$$")


def _systemd(value: str) -> str:
    """Quote `value` as one word of a unit's command line, where `%` and `$` mean something.

    A unit has no quotes that a line break could stand in: a value with one would begin a directive of its own.
    """
    escaped = _one_line(value).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if set(escaped) & set(" \t\"'\\;") else escaped


def _address(text: str) -> str:
    """Quote an IPv6 address or range for YAML, which reads some of them as numbers; others stand as they are."""
    return _json(text) if text.count(":") > 1 else text


def _everywhere(address: str) -> str:
    """Return what stands for all addresses of a host to what listens at `address`: the same family's."""
    return "::" if family(address) == 6 else "0.0.0.0"  # noqa: S104 (what listens there asks for certificates)


def _one_line(text: str) -> str:
    """Return `text`; TemplateRuntimeError if it is no single line. It is not shown, since it may be secret."""
    if found := line_breaker(text):
        raise TemplateRuntimeError(
            f"a value has {found} in it and would not stay on its line; take that out of the spec"
        )
    return text


def _digest(text: str) -> str:
    """Return a short digest of `text`: pods that carry it are replaced when their configuration changes."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _failing_line(error: BaseException) -> str:
    """Return the line of the template at which `error` was raised; Jinja2 puts it into the traceback."""
    step, line = error.__traceback__, ""
    while step is not None:
        if step.tb_frame.f_code.co_filename == "<template>":
            line = f", line {step.tb_lineno}"
        step = step.tb_next
    return line
