"""`windlass backup`: list the recovery bundles of a cluster, check one to the last byte, take one, prove one."""

from __future__ import annotations

import argparse
import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from windlass.cli.airflow_access import HELP, open_client, take_connections
from windlass.domain.backup import NEWEST, BundleTrust, Candidate, choose
from windlass.domain.spec import load_cluster
from windlass.errors import WindlassError
from windlass.operation_names import Operation

if TYPE_CHECKING:
    from windlass.effects.bundles import Vault

_RUN_LIMIT = timedelta(minutes=20)
_MIB = 2**20


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `windlass backup` and what is below it."""
    parser = commands.add_parser("backup", help="recovery bundles of a cluster", description=__doc__)
    below = parser.add_subparsers(metavar="COMMAND", required=True)
    listing = below.add_parser("list", help="list the bundles, the newest first, and how far each can be trusted")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(run=_list)
    show = below.add_parser("show", help="show what is in a bundle")
    show.set_defaults(run=_show)
    verify = below.add_parser("verify", help="read a bundle to the last byte, and fail unless all of it is true")
    verify.set_defaults(run=_verify)
    now = below.add_parser("now", help=f"take a bundle now (the DAG {Operation.BACK_UP}), and wait for it")
    now.set_defaults(run=_now)
    drill = below.add_parser("drill", help=f"prove that a bundle restores (the DAG {Operation.DRILL}), and wait for it")
    drill.set_defaults(run=_drill)
    for part in below.choices.values():
        part.add_argument("cluster")
        part.add_argument("--airflow", metavar="NAME", help=HELP)
    for part in (show, verify, drill):
        part.add_argument("bundle", nargs="?", default=NEWEST, help="id, time, newest or newest-proven")


def _list(arguments: argparse.Namespace) -> int:
    vault = _vault(arguments)
    rows = [_row(vault, one) for one in vault.candidates()]
    print(json.dumps(rows, indent=1) if arguments.json else "\n".join(table(rows)))
    return 0


def _row(vault: Vault, candidate: Candidate) -> dict[str, Any]:
    row: dict[str, Any] = {"bundle": str(candidate.bundle), "standing": candidate.standing.value}
    row["age_seconds"] = round((datetime.now(UTC) - candidate.bundle.time).total_seconds())
    if candidate.standing is not BundleTrust.REFUSED:
        manifest = vault.manifest(candidate.bundle)
        size = sum(part.sealed_bytes for part in manifest.parts.values())
        row |= {"keys": manifest.content.keys, "bytes": size, "kubernetes": manifest.kubernetes_version}
    return row | ({"reason": candidate.reason} if candidate.reason else {})


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the lines of the list for people."""
    if not rows:
        return ["there are no bundles; take one: windlass backup now CLUSTER"]
    lines = [f"{'BUNDLE':<32} {'AGE':>8}  {'STANDING':<10} {'KEYS':>8} {'MIB':>7}  KUBERNETES"]
    for row in rows:
        size = f"{row['bytes'] / _MIB:.1f}" if "bytes" in row else "-"
        rest = row.get("kubernetes") or row.get("reason", "")
        age = age_text(row["age_seconds"])
        lines.append(f"{row['bundle']:<32} {age:>8}  {row['standing']:<10} {row.get('keys', '-'):>8} {size:>7}  {rest}")
    return lines


def age_text(seconds: int) -> str:
    """Return an age in the largest unit that it has two of: `90 s`, `12 min`, `5 h`, `3 d`."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _show(arguments: argparse.Namespace) -> int:
    vault = _vault(arguments)
    chosen = choose(arguments.bundle, vault.candidates(), arguments.cluster)
    print(vault.manifest(chosen.bundle).model_dump_json(indent=1))
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    vault = _vault(arguments)
    manifest = vault.manifest(choose(arguments.bundle, vault.candidates(), arguments.cluster).bundle)
    vault.verify(manifest)
    size = sum(part.sealed_bytes for part in manifest.parts.values())
    print(f"{manifest.id}: all {size / _MIB:.1f} MiB are as its manifest says, and the keys at hand open them")
    return 0


def _now(arguments: argparse.Namespace) -> int:
    result = _run(arguments, Operation.BACK_UP, "take")
    print(f"{result['bundle']}: {result['keys']} keys, {result['bytes'] / _MIB:.1f} MiB, from {result['source']}")
    return 0


def _drill(arguments: argparse.Namespace) -> int:
    result = _run(arguments, Operation.DRILL, "drill", bundle=arguments.bundle)
    took = result["milliseconds"]["total"] / 1000
    print(f"{result['bundle']} is proven: restored on {result['host']} within {took:.1f} s")
    for what, found in result["compared"].items():
        print(f"  {what}: {found}")
    return 0


def _run(arguments: argparse.Namespace, dag: str, task: str, **params: Any) -> Any:
    run_id = f"{dag}-{uuid.uuid4().hex[:8]}"
    with open_client(arguments.airflow) as client:
        client.trigger(dag, run_id=run_id, conf={"cluster": arguments.cluster, **params})
        ended = client.wait(dag, run_id, within=_RUN_LIMIT)
        if ended.state != "success":
            failed = ", ".join(one.task_id for one in client.tasks(dag, run_id) if one.state == "failed")
            raise WindlassError(f"{dag}: the run {run_id} failed in {failed}; its log says why")
        return client.xcom(dag, run_id, task)


def _vault(arguments: argparse.Namespace) -> Vault:
    take_connections(arguments.airflow)
    # Airflow reads its settings from the environment when it is imported, and no other command should wait for it.
    from windlass.airflow.services import airflow_services  # noqa: PLC0415 - see above
    from windlass.effects.store import ClusterRecords  # noqa: PLC0415 - see above

    services = airflow_services()
    text = ClusterRecords(services.store, arguments.cluster).spec()
    # A cluster that was deleted, or whose spec was lost, may still have bundles in the store.
    target = load_cluster(text, f"stored spec of {arguments.cluster}").spec.backup.target if text else None
    return services.vault(arguments.cluster, target)
