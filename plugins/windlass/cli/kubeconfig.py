"""`windlass kubeconfig`: a cluster for a person, by their login to Airflow, or past it by breaking the glass."""

from __future__ import annotations

import argparse
import getpass
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from windlass.cli.airflow_access import HELP, URL, is_by_airflow, open_client
from windlass.cli.embedded.secret_files import write_private
from windlass.cli.remote import run_command
from windlass.errors import SpecError

if TYPE_CHECKING:
    from windlass.cli.embedded.client import AirflowClient

_DEFAULT_HOURS = 1.0


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass kubeconfig`."""
    parser = commands.add_parser("kubeconfig", help="write a kubeconfig that gets its certificates by Airflow's login")
    parser.add_argument("cluster")
    parser.add_argument("--output", type=Path, help="file to write, mode 0600 (default: CLUSTER.kubeconfig)")
    parser.add_argument("--airflow", metavar="NAME", help=HELP)
    glass = parser.add_argument_group(
        "break glass",
        "as cluster-admin, whatever spec.access.groups says: needs every right over the cluster, or a shell where the "
        "store and the master key are; it is in the service log",
    )
    glass.add_argument("--break-glass", action="store_true", help="write a certificate into the kubeconfig")
    glass.add_argument("--reason", default="", help="why; needed, and in the service log")
    glass.add_argument("--user", help=f"who; in the certificate and the log (default: {getpass.getuser()})")
    glass.add_argument("--hours", type=float, help=f"how long it is valid (default: {_DEFAULT_HOURS:g})")
    parser.set_defaults(run=_write)


def _write(arguments: argparse.Namespace) -> int:
    path = arguments.output or Path(f"{arguments.cluster}.kubeconfig")
    if arguments.break_glass:
        return _break_glass(arguments, path)
    for name in ("reason", "user", "hours"):
        if getattr(arguments, name):
            raise SpecError(f"--{name} is for --break-glass; who you are and for how long Airflow and the spec say")
    _tell(path, _by_login(arguments, path))
    return 0


def _by_login(arguments: argparse.Namespace, path: Path) -> str:
    airflow = arguments.airflow or os.environ.get(URL, "")
    with open_client(arguments.airflow) as client:
        write_private(path, login_kubeconfig(client, arguments.cluster, airflow))
    return "no key is in it: each client gets its own certificate by your login to Airflow"


def login_kubeconfig(client: AirflowClient, cluster: str, airflow: str) -> str:
    """Return a kubeconfig whose clients run `windlass credential` for the Airflow of this name or URL."""
    from windlass.domain.bounded import read_from
    from windlass.domain.pki import KubeconfigContext, exec_kubeconfig

    found = client.ask_plugin("GET", f"clusters/{quote(cluster, safe='')}/access")
    with read_from("what Airflow answered", "see whether its Windlass is as new as this one"):
        contexts = [KubeconfigContext(str(one["name"]), str(one["server"])) for one in found["contexts"]]
        command = ("windlass", "credential", "--cluster", cluster, "--airflow", airflow)
        return exec_kubeconfig(contexts, str(found["authority"]), command)


def _break_glass(arguments: argparse.Namespace, path: Path) -> int:
    from windlass.domain.remote import BreakGlassArguments, Command

    is_remote = is_by_airflow(arguments.airflow, os.environ)
    if is_remote and arguments.user:
        raise SpecError("--user is for a shell where Airflow runs: over Airflow, your login says who you are")
    hours = _DEFAULT_HOURS if arguments.hours is None else arguments.hours
    given = BreakGlassArguments(hours=hours, reason=arguments.reason)
    who, keep = arguments.user or getpass.getuser(), partial(write_private, path)
    code = run_command(arguments, Command.BREAK_GLASS, given, cluster=arguments.cluster, who=who, show=keep)
    if code == 0:
        has_it = "you have it" if is_remote else f"{who} has it"
        _tell(path, f"cluster-admin, valid for {hours:g} hours; the service log says that {has_it}")
    return code


def _tell(path: Path, said: str) -> None:
    print(f"export KUBECONFIG={path.resolve()}  # {said}")
