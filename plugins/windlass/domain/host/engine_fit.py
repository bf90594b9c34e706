"""Whether the Docker Engine of a host can run a cluster's containers, as AppArmor and SELinux are there; pure."""

from __future__ import annotations

from collections.abc import Iterator

from windlass.domain.host.facts import HostFacts, major_and_minor

MIN_ENGINE = (20, 10)
"""Of an engine that is on a host already: the first that Compose 2.40 and the stacks were tried with."""
UNTRIED_ENGINE = (30, 0)
"""The first that they were not tried with; a host whose owner has upgraded since it became a cluster's goes on."""
ENGINE_WITHOUT_PARSER = (29, 0)
"""From here on the engine does without AppArmor where its parser is missing."""
RANGE = f"{MIN_ENGINE[0]}.{MIN_ENGINE[1]} to {UNTRIED_ENGINE[0] - 1}"
_BRINGS = "remove it, and Windlass brings its own"


def engine_fit(facts: HostFacts, *, brings_engine: bool) -> Iterator[tuple[str, str]]:
    """Yield what stands in the way, and what to do; where there is no engine, Windlass or a distribution has one."""
    if facts.is_selinux_enforcing:
        remedy = "run `setenforce 0` and write SELINUX=permissive into /etc/selinux/config"
        yield "SELinux is enforcing, and Windlass brings no policy for its programs", remedy
    if facts.docker_version is None:
        if not brings_engine and facts.os_id not in {"debian", "ubuntu"}:
            problem = f"Docker is missing on {facts.os_name or 'an unknown system'}"
            yield problem, f"use a mirror, which brings it, or install Docker Engine ({RANGE})"
    elif facts.lacks_docker_client:
        remedy = "install the package docker-cli, which Debian and Ubuntu have apart from docker.io"
        yield "Docker's engine is there, and its client `docker` is missing", remedy
    elif facts.docker_version == "stopped":
        yield "Docker is installed but does not answer", "run `systemctl start docker`"
    else:
        yield from _version_fit(facts, facts.docker_version)


def _version_fit(facts: HostFacts, version: str) -> Iterator[tuple[str, str]]:
    number = major_and_minor(version)
    if number < MIN_ENGINE:
        yield f"Docker Engine {version}, and {RANGE} are used", f"upgrade it, or {_BRINGS}"
    if number >= UNTRIED_ENGINE and facts.cluster is None:
        yield f"Docker Engine {version}, and {RANGE} are used", f"install one of those, or {_BRINGS}"
    if facts.lacks_apparmor_parser and number < ENGINE_WITHOUT_PARSER:
        problem = "AppArmor is on and `apparmor_parser` is missing, so that Docker starts no container"
        yield problem, "install the package apparmor"
    if facts.denies_signals:
        problem = f"AppArmor's profile for runc keeps Docker Engine {version} from stopping its containers"
        remedy = "upgrade the engine (since 23.0.11, 25.0.6 and 26.1.3 it knows that profile), or " + _BRINGS
        yield problem, remedy
