"""`windlass lab`: real hosts as containers, and faults in them."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta

from windlass_lab import faults
from windlass_lab.containers import container_name
from windlass_lab.image import ensure_image, ensure_tarball
from windlass_lab.lab import down, status, up
from windlass_lab.model import USER, Lab, all_names, load
from windlass_lab.plan import LabPlan, host_names

DEFAULT_NAME = "dev"
DEFAULT_HOSTS = "4"


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass lab` and all below it."""
    lab = commands.add_parser("lab", help="real hosts as containers, and faults in them", description=__doc__)
    parts = lab.add_subparsers(required=True, metavar="COMMAND")
    _add_up(parts)
    gone = _add_simple(parts, "down", "remove all that a lab made, and nothing else", _down)
    gone.add_argument("--force", action="store_true", help="also a lab of that name that was made from elsewhere")
    shown = _add_simple(parts, "status", "show a lab's hosts and services", _status)
    shown.add_argument("--json", action="store_true", help="as JSON, with addresses, keys' paths and endpoints")
    run = _add_simple(parts, "exec", f"run a command on a host as `{USER}` (works also when its network is cut)", _exec)
    run.add_argument("host")
    run.add_argument("command", nargs=argparse.REMAINDER, help="after `--`; none: a shell")
    _add_simple(parts, "image", "build the image of hosts, which `up` does otherwise; starts no Docker engine", _image)
    _add_faults(parts)


def _add_up(parts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add_simple(parts, "up", "make a lab, or complete it, and wait until its hosts are ready", _up)
    parser.add_argument("--hosts", default=DEFAULT_HOSTS, help="how many, or their names with commas (default: 4)")
    parser.add_argument("--bare", action="store_true", help="hosts without Docker Engine")
    parser.add_argument("--disk", default="", metavar="SIZE", help="a disk of its own for each host's data, as 4G")
    parser.add_argument("--no-services", action="store_true", help="without mirror, registry and S3 server")


def _add_simple(
    parts: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    text: str,
    run: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    parser = parts.add_parser(name, help=text, description=text)
    parser.add_argument(
        "--name", default=os.environ.get("WINDLASS_LAB", DEFAULT_NAME), help="of the lab (default: dev)"
    )
    parser.set_defaults(run=run)
    return parser


def _add_faults(parts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    kinds = parts.add_parser("fault", help="break a host on purpose, and mend it").add_subparsers(
        required=True, metavar="FAULT"
    )
    simple: dict[str, Callable[[Lab, str], object]] = {
        "stop": faults.stop,
        "start": faults.start,
        "pause": faults.pause,
        "unpause": faults.unpause,
        "kill": faults.kill,
        "mend": faults.mend,
        "fill-disk": faults.fill_disk,
        "free-disk": faults.free_disk,
    }
    for name, inject in simple.items():
        _add_fault(kinds, name, inject, _on_host(inject))
    cut = _add_fault(kinds, "cut", faults.cut, _cut)
    cut.add_argument("--direction", choices=("both", "in", "out"), default="both")
    cut.add_argument("--peer", action="append", default=[], help="only this other host; may be repeated")
    delay = _add_fault(kinds, "delay", faults.delay, _delay)
    delay.add_argument("--ms", type=int, default=100, help="milliseconds (default: 100)")
    delay.add_argument("--jitter-ms", type=int, default=0)
    loss = _add_fault(kinds, "loss", faults.loss, lambda lab, given: faults.loss(lab, given.host, given.percent))
    loss.add_argument("--percent", type=int, default=10, help="of all packets, both ways (default: 10)")
    throttle = _add_fault(
        kinds, "throttle", faults.throttle, lambda lab, given: faults.throttle(lab, given.host, given.kilobits)
    )
    throttle.add_argument("--kilobits", type=int, default=1000, help="a second (default: 1000)")
    wipe = _add_fault(
        kinds, "wipe", faults.wipe, lambda lab, given: faults.wipe(lab, given.host, new_keys=given.new_keys)
    )
    wipe.add_argument("--new-keys", action="store_true", help="the host comes back with another SSH host key")


def _add_fault(
    kinds: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    described_by: Callable[..., object],
    inject: Callable[[Lab, argparse.Namespace], object],
) -> argparse.ArgumentParser:
    def run(arguments: argparse.Namespace) -> int:
        inject(load(arguments.name), arguments)
        return 0

    text = (described_by.__doc__ or "").splitlines()[0]
    parser = _add_simple(kinds, name, text, run)
    parser.add_argument("host")
    return parser


def _on_host(inject: Callable[[Lab, str], object]) -> Callable[[Lab, argparse.Namespace], object]:
    return lambda lab, arguments: inject(lab, arguments.host)


def _cut(lab: Lab, arguments: argparse.Namespace) -> None:
    faults.cut(lab, arguments.host, arguments.direction, arguments.peer)


def _delay(lab: Lab, arguments: argparse.Namespace) -> None:
    faults.delay(lab, arguments.host, timedelta(milliseconds=arguments.ms), timedelta(milliseconds=arguments.jitter_ms))


def _up(arguments: argparse.Namespace) -> int:
    plan = LabPlan(
        arguments.name, host_names(arguments.hosts), arguments.bare, arguments.disk, services=not arguments.no_services
    )
    lab = up(plan, _say)
    print(f"lab `{lab.name}` is ready")
    _show(lab)
    return 0


def _down(arguments: argparse.Namespace) -> int:
    gone = down(arguments.name, _say, force=arguments.force)
    print(f"lab `{arguments.name}` is gone" if gone else f"there is no lab `{arguments.name}`; nothing to remove")
    return 0


def _image(_: argparse.Namespace) -> int:
    tarball = ensure_tarball(_say)
    if tarball is None:
        _say("here the image is built by Docker: using the engine that runs")
        print(f"the image of hosts is {ensure_image(_say)} in Docker")
    else:
        print(f"the image of hosts is {tarball}")
    return 0


def _status(arguments: argparse.Namespace) -> int:
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


def _exec(arguments: argparse.Namespace) -> int:
    lab = load(arguments.name)
    words = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    terminal = ["--tty"] if sys.stdin.isatty() and sys.stdout.isatty() else []
    argv = ["docker", "exec", "--interactive", *terminal, "--user", USER, "--workdir", f"/home/{USER}"]
    container = container_name(lab.name, lab.host(arguments.host).name)
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
