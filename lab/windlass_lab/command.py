"""The command `windlass lab`; what it does, `windlass_lab.lab_actions` has, which takes longer to load."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping

from windlass_lab.model import USER

DEFAULT_NAME = "dev"
DEFAULT_HOSTS = "4"
_ABOUT = "real hosts as containers, and faults in them"
_FAULTS: Mapping[str, str] = {
    "stop": "shut a host down in order, as `poweroff` does",
    "start": "switch a stopped or killed host on, and wait until it is ready",
    "pause": "freeze all processes of a host: it holds its connections and answers nothing",
    "unpause": "let a paused host go on",
    "kill": "take a host's power away: every process gets SIGKILL, nothing is written or said any more",
    "mend": "take back `cut`, `loss`, `delay` and `throttle`",
    "fill-disk": "fill a host's own disk for Windlass's data to the last block",
    "free-disk": "take back `fill-disk`",
    "cut": "drop a host's packets, to and from all or only some other hosts of the lab",
    "delay": "hold back each packet that leaves a host",
    "loss": "drop a share of the packets that arrive at a host, and of those that leave it",
    "throttle": "let a host send only so many kilobits a second",
    "wipe": "replace a host by an empty one of the same name and address, and wait until it is ready",
}


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass lab` and all below it."""
    lab = commands.add_parser("lab", help=_ABOUT, description=_ABOUT)
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
    parser.add_argument(
        "--vms", default="0", help="how many virtual machines besides, or their names with commas (default: none)"
    )
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
    faults = {name: _add_simple(kinds, name, text, _inject) for name, text in _FAULTS.items()}
    for name, parser in faults.items():
        parser.add_argument("host")
        parser.set_defaults(fault=name)
    faults["cut"].add_argument("--direction", choices=("both", "in", "out"), default="both")
    faults["cut"].add_argument("--peer", action="append", default=[], help="only this other host; may be repeated")
    faults["delay"].add_argument("--ms", type=int, default=100, help="milliseconds (default: 100)")
    faults["delay"].add_argument("--jitter-ms", type=int, default=0)
    faults["loss"].add_argument("--percent", type=int, default=10, help="of all packets, both ways (default: 10)")
    faults["throttle"].add_argument("--kilobits", type=int, default=1000, help="a second (default: 1000)")
    faults["wipe"].add_argument("--new-keys", action="store_true", help="the host comes back with another SSH host key")


def _up(arguments: argparse.Namespace) -> int:
    from windlass_lab import lab_actions

    return lab_actions.bring_up_lab(arguments)


def _down(arguments: argparse.Namespace) -> int:
    from windlass_lab import lab_actions

    return lab_actions.take_down_lab(arguments)


def _status(arguments: argparse.Namespace) -> int:
    from windlass_lab import lab_actions

    return lab_actions.show_lab(arguments)


def _exec(arguments: argparse.Namespace) -> int:
    from windlass_lab import lab_actions

    return lab_actions.run_on_host(arguments)


def _image(arguments: argparse.Namespace) -> int:
    from windlass_lab import lab_actions

    return lab_actions.build_image(arguments)


def _inject(arguments: argparse.Namespace) -> int:
    from windlass_lab import lab_actions

    return lab_actions.inject_fault(arguments)
