"""Host providers that installed packages bring, by their entry points; see docs/hosts.md."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast

from windlass.effects.installed import HOST_PROVIDERS, load_installed
from windlass.effects.providers.contract import HostProvider
from windlass.errors import SpecError

_PARTS = tuple(sorted(name for name in vars(HostProvider) if not name.startswith("_")))
_METHODS = tuple(name for name in _PARTS if inspect.isfunction(vars(HostProvider)[name]))


def installed_provider(name: str) -> Callable[[Mapping[str, Any]], HostProvider]:
    """Return the class that an installed package has registered; SpecError if there is none, or it is no provider.

    Nothing of it was called. It is made with the spec's `hosts.settings`.
    """
    try:
        found = load_installed(HOST_PROVIDERS, name)
    except SpecError as error:
        raise SpecError(f"spec.hosts.provider: {error}; see docs/hosts.md") from error
    if wrong := _wrong_class(found):
        raise SpecError(
            f"spec.hosts.provider: `{name}` stands for {found!r}, which {wrong}; register a class that has what "
            "windlass.effects.providers.HostProvider asks for"
        )
    return cast("Callable[[Mapping[str, Any]], HostProvider]", found)


def _wrong_class(found: object) -> str | None:
    """Say what keeps something from being a class of host providers, without calling it."""
    if not inspect.isclass(found):
        return "is no class"
    lacking = [name for name in _PARTS if not hasattr(found, name)]
    lacking += [name for name in _METHODS if name not in lacking and not callable(getattr(found, name))]
    return f"has no {', no '.join(lacking)}" if lacking else None
