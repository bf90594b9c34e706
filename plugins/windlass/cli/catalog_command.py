"""The command `windlass catalog`; what it does, `windlass.cli.catalog` has, which takes longer to load."""

from __future__ import annotations

import argparse
from pathlib import Path

from windlass.cli.output_form import add_output_option
from windlass.effects.packaged import include_directory


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `windlass catalog` and what is below it."""
    catalog = commands.add_parser("catalog", help="show, check and extend the Kubernetes releases there are")
    catalog.add_argument(
        "--include",
        type=Path,
        default=include_directory(),
        help="directory with templates/ and mirror/ (default: %(default)s)",
    )
    below = catalog.add_subparsers(metavar="COMMAND", required=True)
    listing = below.add_parser("list", help="list all releases, whether each is tested, and what it upgrades from")
    add_output_option(listing)
    _add_lock(listing)
    listing.set_defaults(run=_list)
    show = below.add_parser("show", help="show what one release is made of")
    show.add_argument("version")
    _add_lock(show)
    show.set_defaults(run=_show)
    verify = below.add_parser("verify", help="render a release for every topology and check every artifact of it")
    verify.add_argument("version")
    _add_lock(verify)
    verify.add_argument(
        "--results",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="reports of the end-to-end tests (JUnit), to be recorded: those that ran on this release count",
    )
    verify.set_defaults(run=_verify)
    add = below.add_parser("add", help="add a patch release: the one before it with other versions")
    add.add_argument("version")
    add.add_argument("--set", action="append", default=[], metavar="NAME=VERSION", help="another part's version")
    add.set_defaults(run=_add)
    _add_entries(below)


def _add_entries(below: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands of drivers and those of stacks, which are alike."""
    for kind, name in (("drivers", "SLOT/NAME"), ("stacks", "NAME")):
        entries = below.add_parser(kind, help=f"show and check the {kind} that a spec may pick")
        commands = entries.add_subparsers(metavar="COMMAND", required=True)
        listing = commands.add_parser("list", help=f"list all {kind}, and those that cannot be loaded")
        add_output_option(listing)
        show = commands.add_parser("show", help="show what one is, what it asks and what it needs")
        show.add_argument("name", metavar=name)
        verify = commands.add_parser("verify", help="render them for every release, with each of their choices")
        verify.add_argument("names", nargs="*", metavar=name, help="which (default: all)")
        _add_lock(verify)
        add = commands.add_parser("add", help="copy one of your own to where it is found, once it renders")
        add.add_argument("directory", type=Path, metavar=f"DIRECTORY/{name}")
        add.set_defaults(run=_add_entry, kind=kind)
        for action, command in (("list", listing), ("show", show), ("verify", verify)):
            command.set_defaults(run=_do_with_entries, action=(kind, action))


def _add_lock(command: argparse.ArgumentParser) -> None:
    command.add_argument("--lock", type=Path, help="lock.json of a mirror (default: the mirror on this machine)")


def _list(arguments: argparse.Namespace) -> int:
    from windlass.cli import catalog

    return catalog.list_releases(arguments)


def _show(arguments: argparse.Namespace) -> int:
    from windlass.cli import catalog

    return catalog.show_release(arguments)


def _verify(arguments: argparse.Namespace) -> int:
    from windlass.cli import catalog

    return catalog.verify_release(arguments)


def _add(arguments: argparse.Namespace) -> int:
    from windlass.cli import catalog

    return catalog.add_release(arguments)


def _add_entry(arguments: argparse.Namespace) -> int:
    from windlass.cli import catalog_additions

    return {"drivers": catalog_additions.add_driver, "stacks": catalog_additions.add_stack}[arguments.kind](arguments)


def _do_with_entries(arguments: argparse.Namespace) -> int:
    from windlass.cli import catalog_entries

    return catalog_entries.ACTIONS[arguments.action](arguments)
