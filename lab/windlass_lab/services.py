"""The services of a lab: the mirror's file server and registry, and a durable S3 server."""

from __future__ import annotations

import hashlib
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from ipaddress import IPv4Network
from pathlib import Path

from windlass.domain.artifacts import Artifact
from windlass.errors import NotReadyError
from windlass.mirror.cache import artifact_path, mirror_directory
from windlass.mirror.places import needed_artifacts
from windlass.mirror.serving import file_server_path, registry_config
from windlass_lab.containers import ROLE_LABEL, ServiceContainer, container_name, create_service_argv
from windlass_lab.docker import docker, inspect, remove
from windlass_lab.model import BUCKET, MIRROR_PORT, REGISTRY_PORT, S3_PORT, Lab
from windlass_lab.places import write_private
from windlass_lab.plan import service_addresses

READY_TIME_LIMIT = timedelta(seconds=60)
PORTS = {"mirror": MIRROR_PORT, "registry": REGISTRY_PORT, "s3": S3_PORT}
DIGEST_LABEL = f"{ROLE_LABEL}.digest"
"""Over the command that made a service's container: another command means another container."""

_MIRROR = "/mirror"
_EVERYWHERE = "0.0.0.0"  # noqa: S104 - inside a container of its own; the lab's network is on this machine alone


def bring_up_services(lab: Lab) -> None:
    """Start the services and return once all answer; NotReadyError if the mirror lacks a program."""
    plans = plan_services(lab, mirror_directory(), _program("registry"), _program("versitygw"))
    config = registry_config(f"{_MIRROR}/registry", f"{_EVERYWHERE}:{REGISTRY_PORT}")
    write_private(lab.directory / "registry.yaml", config.encode())
    with ThreadPoolExecutor(len(plans)) as pool:
        list(pool.map(_start, plans))
        list(pool.map(_wait_until_it_listens, plans))


def plan_services(lab: Lab, mirror: Path, registry: str, s3_server: str) -> tuple[ServiceContainer, ...]:
    """Return the containers of the services; `registry` and `s3_server` are paths below the `mirror` directory."""
    addresses = {role: str(address) for role, address in service_addresses(IPv4Network(lab.subnet)).items()}
    files = (mirror, _MIRROR)
    server = (file_server_path(), "/file_server.py")
    serve = ("python3", server[1], "--root", _MIRROR, "--address", _EVERYWHERE, "--port", str(MIRROR_PORT))
    serve_s3 = ("--port", f":{S3_PORT}", "posix", "/data")
    config = (lab.directory / "registry.yaml", "/registry.yaml")
    return (
        ServiceContainer(lab.name, "mirror", addresses["mirror"], lab.image, serve, (files, server)),
        ServiceContainer(
            lab.name,
            "registry",
            addresses["registry"],
            lab.image,
            (f"{_MIRROR}/{registry}", "serve", config[1]),
            (files, config),
        ),
        ServiceContainer(
            lab.name,
            "s3",
            addresses["s3"],
            lab.image,
            # A bucket is a directory below the data: it is there before the first request.
            ("sh", "-c", f'mkdir -p /data/{BUCKET} && exec "$0" "$@"', f"{_MIRROR}/{s3_server}", *serve_s3),
            (files,),
            volume="/data",
            env_file=lab.s3_env_file,
        ),
    )


def _program(name: str) -> str:
    """Return the path of one of the mirror's programs, relative to the mirror's directory."""
    found = [one for one in needed_artifacts() if one == Artifact("file", name, one.version)]
    try:
        return str(artifact_path(found[0]).relative_to(mirror_directory()))
    except NotReadyError as error:
        raise NotReadyError(f"{error} (or bring the lab up with `--no-services`)") from error


def _start(plan: ServiceContainer) -> None:
    argv = create_service_argv(plan)
    digest = hashlib.sha256(repr(argv).encode()).hexdigest()
    name = container_name(plan.lab, plan.role)
    found = inspect("container", [name])
    if found and found[0]["Config"]["Labels"].get(DIGEST_LABEL) != digest:
        remove("container", [name])
        found = []
    if not found:
        docker(argv[0], "--label", f"{DIGEST_LABEL}={digest}", *argv[1:], host=plan.role)
    if not found or not found[0]["State"]["Running"]:
        docker("start", name, host=plan.role)


def _wait_until_it_listens(plan: ServiceContainer) -> None:
    deadline = time.monotonic() + READY_TIME_LIMIT.total_seconds()
    while True:
        try:
            socket.create_connection((plan.address, PORTS[plan.role]), timeout=5).close()
        except OSError as error:
            if time.monotonic() > deadline:
                log = f"look at `docker logs {container_name(plan.lab, plan.role)}`"
                raise NotReadyError(f"{plan.role}: nothing at {plan.address}:{PORTS[plan.role]}; {log}") from error
            time.sleep(0.05)
        else:
            return
