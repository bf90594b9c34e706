"""Where an object of the store belongs, as its key says, and how it is protected there."""

from __future__ import annotations

from dataclasses import dataclass

from windlass.domain.authenticity.kinds import KINDS, Newest, Proof

CLUSTERS = "clusters/"
CATALOG = "catalog/"
CATALOG_CLUSTER = ""
"""In the place of a cluster's name, for what belongs to none: the catalog has a ledger of its own."""
PUBLISHED = f"{CATALOG}published/"
ACCEPTED = f"{CATALOG}accepted/"
SUMMARIES = "summaries/"
INSTALLATION = "installation.json"
LEDGER = "ledger.json"


@dataclass(frozen=True)
class Place:
    """One place in the store."""

    cluster: str
    """Empty for what belongs to no cluster."""
    kind: str
    key: str

    @property
    def is_guarded(self) -> bool:
        """Tell whether a ledger, the cluster's or the catalog's, keeps its generation."""
        return self.kind in KINDS and KINDS[self.kind].newest in {Newest.LEDGER, Newest.LEDGER_AND_HOSTS}

    @property
    def formats(self) -> range:
        """The formats of such an object that are read; the last is written."""
        kind = KINDS.get(self.kind)
        return range(kind.oldest, kind.format + 1) if kind else range(1, 2)

    @property
    def is_sealed(self) -> bool:
        """Tell whether its content is encrypted here."""
        return self.kind in KINDS and KINDS[self.kind].proof is Proof.SIGNED_AND_SEALED

    @property
    def owner(self) -> str:
        """Whose it is, in words."""
        return f"cluster `{self.cluster}`" if self.cluster else "the catalog"

    @property
    def folder(self) -> str:
        """The folder of everything that shares its ledger."""
        return f"{CLUSTERS}{self.cluster}/" if self.cluster else CATALOG

    @property
    def accepting(self) -> str:
        """The command by which a person takes what lies in that folder as the newest."""
        return f"windlass store accept {self.cluster or '--catalog'}"

    def __str__(self) -> str:
        return f"{self.key} in the store"


def place_of(key: str) -> Place | None:
    """Return the place of the object at `key`; None if it is authenticated by itself, or decides nothing."""
    if key == INSTALLATION:
        return Place(CATALOG_CLUSTER, kind_of(key), key)
    if key.startswith(SUMMARIES):
        return Place(CATALOG_CLUSTER, kind_of(key), key)
    if not key.startswith((CLUSTERS, CATALOG)):
        return None
    cluster = key.split("/")[1] if key.startswith(CLUSTERS) else CATALOG_CLUSTER
    kind = kind_of(key)
    return Place(cluster, kind, key) if kind and (kind not in KINDS or KINDS[kind].has_envelope) else None


def kind_of(key: str) -> str:
    """Return the kind of the object at `key`, as `KINDS` has it; empty if its key says none."""
    below = key.split("/", 2)[2:] if key.startswith(CLUSTERS) else [key.removeprefix(CATALOG)]
    return below[0].partition("/")[0].partition(".")[0] if below else ""


def ledger_place(cluster: str) -> Place:
    """Return the place of a cluster's ledger, or of the catalog's."""
    folder = Place(cluster, "ledger", LEDGER).folder
    return Place(cluster, "ledger", f"{folder}{LEDGER}")


def is_of_before(key: str) -> bool:
    """Tell whether an object at `key` shows that a store was in use: drills prove themselves, as bundles do."""
    place = place_of(key)
    return place is not None and place.kind not in {"drills", "installation", "summaries"}
