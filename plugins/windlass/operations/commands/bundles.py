"""The recovery bundles of a cluster: `backup list`, `backup show` and `backup verify`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from windlass.domain.backup import BundleManifest, BundleTrust, Candidate, choose
from windlass.domain.remote import BundleArguments, FormArguments
from windlass.domain.spec import load_cluster
from windlass.effects.bundles import Vault
from windlass.effects.store import ClusterRecords
from windlass.operations.commands.command_context import CommandContext

_MIB = 2**20


def list_bundles(context: CommandContext, given: FormArguments) -> int:
    """List the bundles, the newest first, and how far each can be trusted."""
    vault, now = _vault(context), context.services.clock.now()
    rows = [_row(vault, one, now) for one in vault.candidates()]
    context.show(json.dumps(rows, indent=1) if given.as_json else "\n".join(table(rows)))
    return 0


def show_bundle(context: CommandContext, given: BundleArguments) -> int:
    """Show what is in a bundle."""
    context.show(_chosen(_vault(context), given, context.cluster).model_dump_json(indent=1))
    return 0


def verify_bundle(context: CommandContext, given: BundleArguments) -> int:
    """Read a bundle to the last byte; IntegrityError unless all of it is true."""
    vault = _vault(context)
    manifest = _chosen(vault, given, context.cluster)
    vault.verify(manifest)
    size = sum(part.sealed_bytes for part in manifest.parts.values())
    context.show(f"{manifest.id}: all {size / _MIB:.1f} MiB are as its manifest says, and the keys at hand open them")
    return 0


def _chosen(vault: Vault, given: BundleArguments, cluster: str) -> BundleManifest:
    return vault.manifest(choose(given.bundle, vault.candidates(), cluster).bundle)


def _row(vault: Vault, candidate: Candidate, now: datetime) -> dict[str, Any]:
    row: dict[str, Any] = {"bundle": str(candidate.bundle), "standing": candidate.standing.value}
    row["age_seconds"] = round((now - candidate.bundle.time).total_seconds())
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


def _vault(context: CommandContext) -> Vault:
    services = context.services
    text = ClusterRecords(services.store, context.cluster).spec()
    # A cluster that was deleted, or whose spec was lost, may still have bundles in the store.
    target = load_cluster(text, f"stored spec of {context.cluster}").spec.backup.target if text else None
    return services.vault(context.cluster, target)
