"""How a container differs from the Compose service that it should have been made from; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from windlass.domain.host.containers import Container
from windlass.domain.host.layout import DIGEST_LABEL


def container_drift(service: Mapping[str, Any], container: Container) -> tuple[str, ...]:
    """Return in words how `container` differs from the rendered `service`; empty if it does not.

    The digest label tells whatever was rendered differently; the rest tells a container that was made by other hands
    and only says that it is the same: image, words, mounts, restart policy, network and privileges.
    """
    return tuple(_differences(service, container))


def _differences(service: Mapping[str, Any], container: Container) -> Iterator[str]:
    details = container.details
    config, host = details.get("Config", {}), details.get("HostConfig", {})
    if container.digest != service["labels"][DIGEST_LABEL]:
        yield "it was made from another rendering"
    if container.image != service["image"]:
        yield f"its image is {container.image}"
    if list(config.get("Entrypoint") or []) != _started_words(service.get("entrypoint", [])):
        yield "its entrypoint is another"
    changed = _flags(config.get("Cmd") or []) ^ _flags(_started_words(service.get("command", [])))
    if changed:
        yield _other_words(changed)
    if _mounts(details.get("Mounts", [])) != _desired_mounts(service):
        yield "its mounts are others"
    if host.get("RestartPolicy", {}).get("Name") != service.get("restart"):
        yield f"its restart policy is {host.get('RestartPolicy', {}).get('Name')}"
    if host.get("NetworkMode") != service.get("network_mode"):
        yield f"its network is {host.get('NetworkMode')}"
    if host.get("Privileged"):
        yield "it is privileged"
    if bool(host.get("ReadonlyRootfs")) != bool(service.get("read_only")):
        yield "its root file system is writable"


def _started_words(words: list[str]) -> list[str]:
    """Return words of a Compose file as a container is started with them: there `$` is written twice."""
    return [word.replace("$$", "$") if isinstance(word, str) else word for word in words]


def _flags(words: list[str]) -> set[str]:
    return {str(word) for word in words}


def _other_words(changed: set[str]) -> str:
    """Name flags; other words may be the values of flags before them, and so secret."""
    flags = sorted({one.partition("=")[0] for one in changed if one.startswith("-")})
    return f"other flags: {', '.join(flags)}" if flags else "other arguments"


def _mounts(mounts: list[Mapping[str, Any]]) -> set[tuple[str, str, bool]]:
    return {(one["Source"], one["Destination"], bool(one["RW"])) for one in mounts if one.get("Type") == "bind"}


def _desired_mounts(service: Mapping[str, Any]) -> set[tuple[str, str, bool]]:
    return {(one["source"], one["target"], not one.get("read_only", False)) for one in service.get("volumes", [])}
