"""Prove a bundle: restore it on one host, compare what comes back with what was recorded, clear everything away."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from windlass.domain.backup import SNAPSHOT, BundleId, BundleManifest, Comparison, DrillRecord, drill_id
from windlass.domain.catalog import Release
from windlass.domain.rendering import image_reference
from windlass.domain.scripts.restore_drill import ENCRYPTED, Images, plan_drill
from windlass.effects.bundles import Vault
from windlass.errors import CommandError, IntegrityError, WindlassError
from windlass.operations.backup.isolated import STEP, IsolatedCluster, clean_host, drill_host, metadata_of
from windlass.operations.backup.take import Stopwatch
from windlass.operations.cluster import ClusterSession


@dataclass
class _Drill:
    """One drill while it runs."""

    place: IsolatedCluster
    comparisons: list[Comparison] = field(default_factory=list)

    def compare(self, what: str, expected: object, found: object) -> None:
        """Note one thing that was looked at."""
        one = Comparison(what=what, expected=str(expected), found=str(found))
        self.comparisons.append(one)
        tell = self.place.watch.tell
        tell(f"{what}: {one.found}" if one.is_equal else f"{what}: {one.found}, and not {one.expected}")


def run_drill(
    session: ClusterSession, release: Release, vault: Vault, bundle: BundleId, by: str, watch: Stopwatch
) -> DrillRecord:
    """Restore a bundle on one host, compare, clean up, store the record and return it, whatever came of it.

    `release` is that of the bundle. A failure of the drill is in the record; what is raised is only that the record
    could not be stored. The caller sees to it that there is one drill at a time.
    """
    started = session.clock.now()
    drill: _Drill | None = None
    host, failure, disproves = "", "", False
    try:
        host = drill_host(session).name
        with watch.step("total"):
            drill = _Drill(plan_place(session, release, vault, vault.manifest(bundle), (host, started), watch))
            with clean_host(drill.place.connection):
                _restore(drill, vault)
                _try_etcd(drill)
                _try_api(drill)
    except IntegrityError as error:
        failure, disproves = str(error), True
    except WindlassError as error:
        failure = str(error)
    comparisons = tuple(drill.comparisons) if drill else ()
    different = [one.what for one in comparisons if not one.is_equal]
    if different:
        failure, disproves = f"what was restored differs in {', '.join(different)}", True
    record = DrillRecord(
        id=drill_id(bundle, started),
        cluster=vault.cluster,
        bundle=str(bundle),
        host=host,
        by=by,
        started=started,
        finished=session.clock.now(),
        milliseconds=watch.milliseconds,
        comparisons=comparisons,
        failure=failure,
        disproves=disproves,
    )
    vault.save_drill(record)
    return record


def plan_place(
    session: ClusterSession,
    release: Release,
    vault: Vault,
    manifest: BundleManifest,
    at: tuple[str, datetime],
    watch: Stopwatch,
) -> IsolatedCluster:
    """Return the place for a bundle on a host, at a time, with the programs of `release`; nothing is done yet."""
    host, started = at
    images = Images(*(image_reference(name, release, session.lock, session.mirror) for name in _IMAGES))
    size = manifest.parts[SNAPSHOT].clear_bytes
    plan = plan_drill(drill_id(manifest.bundle, started), images, size, vault.state(manifest), started)
    return IsolatedCluster(plan, manifest, session.connections.get(host), watch, session.clock)


_IMAGES = ("etcd", "kube-apiserver")


def _restore(drill: _Drill, vault: Vault) -> None:
    place = drill.place
    place.fetch(vault)
    drill.compare("revision", place.manifest.content.revision, place.revision())
    place.restore()


def _try_etcd(drill: _Drill) -> None:
    place, plan, content = drill.place, drill.place.plan, drill.place.manifest.content
    with place.watch.step("etcd"):
        place.start_etcd()
        # At once: the leases run again, and what they take with them when they end raises the revision.
        counted = _fields(place.command(plan.count(content.revision)))
        drill.compare("revision of the running etcd", content.revision, counted.get("Revision"))
        drill.compare("number of keys", content.keys, counted.get("Count"))
    with place.watch.step("hash"):
        hashed = _fields(place.command(plan.hash(content.revision)))
        drill.compare("hash of all keys", content.hash, hashed.get("Hash"))


def _fields(text: str) -> dict[str, str]:
    """Read etcdctl's output of fields: lines such as `"Count" : 7305`."""
    pairs = (line.partition(" : ") for line in text.splitlines())
    return {name.strip('"'): value.strip() for name, _, value in pairs}


def _try_api(drill: _Drill) -> None:
    place, manifest = drill.place, drill.place.manifest
    with place.watch.step("API server"):
        place.start_api_server()
    with place.watch.step("compare"):
        for what, path, expected in (
            ("UIDs of namespaces", "/api/v1/namespaces", manifest.namespaces),
            ("UIDs of nodes", "/api/v1/nodes", manifest.nodes),
        ):
            found = {one["name"]: one["uid"] for one in metadata_of(place, path)}
            same = sum(found.get(name) == uid for name, uid in expected.items())
            drill.compare(what, f"{len(expected)} the same", f"{same} the same")
        _decrypt(drill)


def _decrypt(drill: _Drill) -> None:
    """Have the API server decrypt a Secret with the bundle's keys; of a bundle without Secrets, say so."""
    place = drill.place
    try:
        first = next(iter(metadata_of(place, "/api/v1/secrets", limit=1)), None)
    except CommandError as error:
        raise IntegrityError(f"the bundle's own keys do not open a Secret in its snapshot: {error}") from error
    if first is None:
        place.watch.tell("there is no Secret in the bundle, so that none was decrypted")
        return
    key = f"{place.plan.prefix}/secrets/{first['namespace']}/{first['name']}"
    script = place.plan.stored_secret(key, place.manifest.content.revision)
    beginning = place.connection.run_script(script, timeout=STEP).stdout
    how = "decrypted" if beginning == ENCRYPTED else "read, stored in clear"
    drill.compare("a Secret", how, how)
