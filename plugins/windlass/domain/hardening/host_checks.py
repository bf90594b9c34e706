"""Checks of one host: each makes a function that yields what is wrong there, nothing where the control is met."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from windlass.domain.hardening.facts import HostAudit, NotToldError
from windlass.domain.host.layout import API_SERVER

HostCheck = Callable[[HostAudit], Iterator[str]]
_HEALTH_PATHS = frozenset({"/livez", "/readyz", "/healthz"})
_LOOPBACK = ("0100007F:", "00000000000000000000000001000000:")
"""127.0.0.1 and ::1, as /proc/net/tcp and tcp6 write them."""
_LEVELS = ("privileged", "baseline", "restricted")


def all_of(*checks: HostCheck) -> HostCheck:
    """Check that every one of `checks` finds nothing."""
    return lambda audit: (problem for check in checks for problem in check(audit))


def mode(limit: int, *patterns: str, is_needed: bool = True) -> HostCheck:
    """Check that files have no permission beyond `limit`; those of `patterns` of which there is none, if needed."""

    def check(audit: HostAudit) -> Iterator[str]:
        for path in _matching(audit, patterns, is_needed=is_needed):
            if audit.files[path].mode & ~limit:
                yield f"{path} has mode {audit.files[path].mode:04o}, not {limit:04o} or stricter"

    return check


def owner(owner: str, *patterns: str, is_needed: bool = True) -> HostCheck:
    """Check whose files are."""

    def check(audit: HostAudit) -> Iterator[str]:
        for path in _matching(audit, patterns, is_needed=is_needed):
            if audit.files[path].owner != owner:
                yield f"{path} belongs to {audit.files[path].owner}, not {owner}"

    return check


def is_absent(path: str) -> HostCheck:
    """Check that a file does not lie there."""
    return lambda audit: _unless(path not in audit.files, f"{path} is there; it goes with the next change of the host")


def _matching(audit: HostAudit, patterns: tuple[str, ...], *, is_needed: bool) -> Iterator[str]:
    for pattern in patterns:
        found = [path for path in audit.files if fnmatchcase(path, pattern)]
        if is_needed and not found:
            raise NotToldError(f"there is no {pattern}")
        yield from sorted(found)


def is_set(component: str, *names: str) -> HostCheck:
    """Check that a component is given flags, whatever their values."""
    return lambda audit: (f"{component} has no --{name}" for name in names if not audit.of(component).get(name))


def is_unset(component: str, name: str) -> HostCheck:
    """Check that a component is not given a flag."""
    return lambda audit: (f"{component} has --{name}" for one in audit.of(component) if one == name)


def flag(component: str, name: str, value: str, *, default: str = "") -> HostCheck:
    """Check the value of a flag, or what it is where it is not given."""
    return lambda audit: _unless(
        audit.of(component).get(name, default) == value,
        f"{component} has --{name}={audit.of(component).get(name, default) or '(none)'}, not {value}",
    )


def is_not(component: str, name: str, value: str) -> HostCheck:
    """Check that a flag has not one value."""
    return lambda audit: _unless(audit.of(component).get(name) != value, f"{component} has --{name}={value}")


def at_least(component: str, name: str, least: int) -> HostCheck:
    """Check that a flag is a number that is large enough."""

    def check(audit: HostAudit) -> Iterator[str]:
        value = audit.of(component).get(name, "")
        if not value.isdecimal() or int(value) < least:
            yield f"{component} has --{name}={value or '(none)'}, which is less than {least}"

    return check


def lists(component: str, name: str, *items: str) -> HostCheck:
    """Check that a flag that is a list has items."""
    return lambda audit: (
        f"{component} has no {item} in --{name}" for item in items if item not in _items(audit.of(component).get(name))
    )


def leaves_out(component: str, name: str, *items: str) -> HostCheck:
    """Check that a flag that is a list has none of some items."""
    return lambda audit: (
        f"{component} has {item} in --{name}" for item in items if item in _items(audit.of(component).get(name))
    )


def has_strong_ciphers(component: str) -> HostCheck:
    """Check that the ciphers of TLS 1.2 are given, with forward secrecy and authenticated encryption alone."""
    return lambda audit: _weak(component, _items(audit.of(component).get("tls-cipher-suites")))


def kubelet_has_strong_ciphers(audit: HostAudit) -> Iterator[str]:
    """Check the same of the kubelet."""
    return _weak("kubelet", list(audit.document("kubelet").get("tlsCipherSuites", ())))


def _weak(component: str, ciphers: list[str]) -> Iterator[str]:
    if not ciphers:
        yield f"{component} is given no ciphers"
    for one in ciphers:
        if not one.startswith("TLS_ECDHE_") or not ("_GCM_" in one or "_POLY1305" in one):
            yield f"{component} accepts {one}"


def kubelet(path: str, *, desired: Any, default: Any = None) -> HostCheck:
    """Check one setting of the kubelet's configuration; a flag of the same meaning is refused in specs."""

    def check(audit: HostAudit) -> Iterator[str]:
        found = _at(audit.document("kubelet"), path, default)
        if found != desired:
            yield f"{path} of the kubelet is {found}, not {desired}"

    return check


def kubelet_has(*paths: str) -> HostCheck:
    """Check that the kubelet's configuration says something of all `paths`."""
    return lambda audit: (
        f"the kubelet has no {path}" for path in paths if not _at(audit.document("kubelet"), path, None)
    )


def kubelet_is_not(path: str, refused: tuple[Any, ...]) -> HostCheck:
    """Check that one setting of the kubelet has none of some values."""
    return lambda audit: _unless(
        _at(audit.document("kubelet"), path, None) not in refused,
        f"{path} of the kubelet is {_at(audit.document('kubelet'), path, None)}",
    )


def _at(document: Mapping[str, Any], path: str, default: Any) -> Any:
    found: Any = document
    for key in path.split("."):
        if not isinstance(found, Mapping) or key not in found:
            return default
        found = found[key]
    return found


def serves_strangers_health_alone(audit: HostAudit) -> Iterator[str]:
    """Check that whoever has no name is turned down, but for the question whether the API server is well."""
    if audit.of(API_SERVER).get("anonymous-auth") == "false":
        return
    anonymous = audit.document("authentication").get("anonymous") or {"enabled": True}
    allowed = {one.get("path") for one in anonymous.get("conditions") or ()}
    if anonymous.get("enabled") and not allowed:
        yield "who has no name may ask anything"
    for path in sorted(str(one) for one in allowed - _HEALTH_PATHS):
        yield f"who has no name may ask for {path}"


def encrypts_secrets(audit: HostAudit) -> Iterator[str]:
    """Check that the provider by which Secrets are written encrypts."""
    if not audit.providers:
        raise NotToldError("no provider of the encryption configuration was told")
    if audit.providers[0] not in {"secretbox", "kms", "aescbc"}:
        yield f"Secrets are written by `{audit.providers[0]}`"


def audits_what_matters(audit: HostAudit) -> Iterator[str]:
    """Check that secrets are recorded without their content, and all else that nothing leaves out."""
    rules = list(audit.document("audit-policy").get("rules") or ())
    if not rules or rules[-1].get("level") == "None" or set(rules[-1]) != {"level"}:
        yield "what no rule names is not recorded"
    for rule in rules:
        named = {name for one in rule.get("resources") or () for name in one.get("resources") or ()}
        if rule.get("level") in {"Request", "RequestResponse"} and (not named or named & {"secrets", "configmaps"}):
            yield "the content of Secrets or ConfigMaps is recorded"


def pod_security(least: str) -> HostCheck:
    """Check that namespaces that set no level of Pod Security have `least` at least."""

    def check(audit: HostAudit) -> Iterator[str]:
        plugins = audit.document("admission").get("plugins") or ()
        found = [_at(one, "configuration.defaults.enforce", "privileged") for one in plugins if _is_of_pods(one)]
        level = found[0] if found else "privileged"
        if level not in _LEVELS or _LEVELS.index(level) < _LEVELS.index(least):
            yield f"namespaces that set none have the level {level}, not {least}"

    return check


def _is_of_pods(plugin: Mapping[str, Any]) -> bool:
    return plugin.get("name") == "PodSecurity"


def measures_on_loopback(audit: HostAudit) -> Iterator[str]:
    """Check that kube-proxy gives its metrics to its own host alone."""
    for address in audit.proxy_metrics:
        if not address.startswith(_LOOPBACK):
            yield f"kube-proxy gives its metrics at {address} (as in /proc/net/tcp)"


def has_its_own_authority(audit: HostAudit) -> Iterator[str]:
    """Check that etcd trusts another file than Kubernetes' own authority."""
    trusted = audit.of("etcd").get("trusted-ca-file", "")
    if "/etcd/" not in trusted:
        yield f"etcd trusts {trusted or 'nobody in particular'}"


def listens_at_own_address(component: str) -> HostCheck:
    """Check that a component listens at its host's address of the spec, and not at every one."""
    return lambda audit: _unless(
        audit.of(component).get("bind-address") == audit.host.node_address, f"{component} listens at other addresses"
    )


def _items(value: str | None) -> list[str]:
    return [one for one in (value or "").split(",") if one]


def _unless(is_met: bool, problem: str) -> Iterator[str]:  # noqa: FBT001 - the one condition that this is about
    if not is_met:
        yield problem
