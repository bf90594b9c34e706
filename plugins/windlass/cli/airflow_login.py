"""`windlass login`: log in to an Airflow once a day, so that other commands ask for no password."""

from __future__ import annotations

import argparse
import getpass
import sys

from windlass.cli.airflow_access import is_embedded
from windlass.domain.secret import Secret
from windlass.errors import SpecError


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass login`."""
    parser = commands.add_parser("login", help="log in to an Airflow, for the commands that work with it")
    parser.add_argument("--airflow", required=True, metavar="URL", help="the Airflow's URL")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--user", default=getpass.getuser(), help="name in Airflow (default: %(default)s)")
    how.add_argument("--token", action="store_true", help="read a token of Airflow's, such as one of a single sign-on")
    how.add_argument("--out", action="store_true", help="forget the login, and the certificates that it brought")
    parser.set_defaults(run=_log_in)


def _log_in(arguments: argparse.Namespace) -> int:
    from windlass.cli.user_cache import forget_login, keep_token

    url = str(arguments.airflow)
    if is_embedded(url):
        raise SpecError(f"{url} is no URL; the login of an embedded Airflow is known here anyway")
    if arguments.out:
        forget_login(url)
        print(f"the login to {url} is forgotten")
        return 0
    keep_token(url, _ask("Token: ") if arguments.token else _token(url, arguments.user))
    print(f"logged in to {url}; it lasts as long as Airflow's tokens do (a day, unless it is set otherwise)")
    return 0


def _token(url: str, user: str) -> Secret:
    from windlass.cli.embedded.client import AirflowClient

    with AirflowClient(url, user, _ask(f"Password of {user} at {url}: ").reveal()) as client:
        return client.log_in()


def _ask(prompt: str) -> Secret:
    """Read a secret from the terminal without showing it, or the first line of what is piped in."""
    text = getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline()
    return Secret(text.rstrip("\n"))
