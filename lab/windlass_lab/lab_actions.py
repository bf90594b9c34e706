"""What `windlass lab` does."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import timedelta

from windlass_lab import faults
from windlass_lab.containers import container_name
from windlass_lab.image import ensure_image, ensure_tarball
from windlass_lab.lab import down, status, up
from windlass_lab.model import USER, Lab, all_names, load
from windlass_lab.plan import LabPlan, host_names, vm_names
from windlass_lab.vm import ssh_argv

_FAULTS: Mapping[str, Callable[[Lab, argparse.Namespace], object]] = {
    "stop": lambda lab, given: faults.stop(lab, given.host),
    "start": lambda lab, given: faults.start(lab, given.host),
    "pause": lambda lab, given: faults.pause(lab, given.host),
    "unpause": lambda lab, given: faults.unpause(lab, given.host),
    "kill": lambda lab, given: faults.kill(lab, given.host),
    "mend": lambda lab, given: faults.mend(lab, given.host),
    "fill-disk": lambda lab, given: faults.fill_disk(lab, given.host),
    "free-disk": lambda lab, given: faults.free_disk(lab, given.host),
    "cut": lambda lab, given: faults.cut(lab, given.host, given.direction, given.peer),
    "delay": lambda lab, given: faults.delay(
        lab, given.host, timedelta(milliseconds=given.ms), timedelta(milliseconds=given.jitter_ms)
    ),
    "loss": lambda lab, given: faults.loss(lab, given.host, given.percent),
    "throttle": lambda lab, given: faults.throttle(lab, given.host, given.kilobits),
    "wipe": lambda lab, given: faults.wipe(lab, given.host, new_keys=given.new_keys),
}


def inject_fault(arguments: argparse.Namespace) -> int:
    """Break a host as `arguments.fault` says, or mend it."""
    _FAULTS[arguments.fault](load(arguments.name), arguments)
    return 0


def bring_up_lab(arguments: argparse.Namespace) -> int:
    """Make a lab, or complete it, and show it."""
    plan = LabPlan(
        arguments.name,
        host_names(arguments.hosts),
        arguments.bare,
        arguments.disk,
        services=not arguments.no_services,
        vms=vm_names(arguments.vms),
    )
    lab = up(plan, _say)
    print(f"lab `{lab.name}` is ready")
    _show(lab)
    return 0


def take_down_lab(arguments: argparse.Namespace) -> int:
    """Remove all that a lab made."""
    gone = down(arguments.name, _say, force=arguments.force)
    print(f"lab `{arguments.name}` is gone" if gone else f"there is no lab `{arguments.name}`; nothing to remove")
    return 0


def build_image(_: argparse.Namespace) -> int:
    """Build the image of hosts where it is missing."""
    tarball = ensure_tarball(_say)
    if tarball is None:
        _say("here the image is built by Docker: using the engine that runs")
        print(f"the image of hosts is {ensure_image(_say)} in Docker")
    else:
        print(f"the image of hosts is {tarball}")
    return 0


def show_lab(arguments: argparse.Namespace) -> int:
    """Print a lab's hosts and services."""
    if arguments.name not in all_names():
        print(f"there is no lab `{arguments.name}` (labs: {', '.join(all_names()) or 'none'})")
        return 1
    lab = load(arguments.name)
    if arguments.json:
        document = json.loads((lab.directory / "lab.json").read_text())
        print(json.dumps(document | {"status": [asdict(one) for one in status(lab)]}, indent=2))
    else:
        _show(lab)
    return 0


def run_on_host(arguments: argparse.Namespace) -> int:
    """Run a command on a host, and return its exit code."""
    lab = load(arguments.name)
    words = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    host = lab.host(arguments.host)
    if host.is_vm:
        return subprocess.run(ssh_argv(lab, host, *words), check=False).returncode
    terminal = ["--tty"] if sys.stdin.isatty() and sys.stdout.isatty() else []
    argv = ["docker", "exec", "--interactive", *terminal, "--user", USER, "--workdir", f"/home/{USER}"]
    container = container_name(lab.name, host.name)
    return subprocess.run([*argv, container, *(words or ["bash", "-l"])], check=False).returncode


def _show(lab: Lab) -> None:
    shown = status(lab)
    for one in shown:
        print(f"  {one.name:<12} {one.address:<16} {one.state}")
    print(f"  log in:  ssh -F {lab.directory / 'ssh_config'} {lab.hosts[0].name}")
    if len(shown) == len(lab.hosts):
        return
    print(f"  mirror:  {lab.mirror_url}   registry: {lab.registry}")
    print(f"  S3:      {lab.s3_endpoint}   (bucket windlass, keys in {lab.s3_env_file})")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
