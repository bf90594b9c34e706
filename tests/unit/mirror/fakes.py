from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from windlass.domain.artifacts import Artifact
from windlass.errors import WindlassError
from windlass.mirror.debian import Entry
from windlass.mirror.layers import ImageSettings, write_index_layout, write_layout, write_tar
from windlass.mirror.source import Origin, Produced, Progress

REGISTRY = Artifact("file", "registry", "v1")
TOOL = Artifact("file", "tool", "v2")
IMAGE = Artifact("image", "pause", "3.10")


def lay_recipes(directory: Path, recipes: str, needed: str) -> Path:
    """Make the directory of recipes that a source of modules reads, with a small program in C."""
    (directory / "modules").mkdir(parents=True)
    (directory / "modules.yaml").write_text(recipes)
    (directory / "artifacts.yaml").write_text(needed)
    (directory / "modules/tool.c").write_text("int main(void) { return 0; }\n")
    return directory


@dataclass
class SourceOfBytes:
    """A source that makes each file from bytes it was given, and remembers what it was asked for."""

    contents: Mapping[Artifact, bytes]
    recipes: dict[Artifact, str] = field(default_factory=dict)
    before: Callable[[Artifact], None] = lambda artifact: None
    unusable: str | None = None
    name: str = "modules"
    workers: int = 2
    origin: Origin = "build"
    asked: list[Artifact] = field(default_factory=list)
    architectures: tuple[str, ...] = ("amd64",)
    """What its images are for."""

    def problem(self) -> str | None:
        return self.unusable

    def artifacts(self) -> Sequence[Artifact]:
        return tuple(self.contents)

    def recipe_hash(self, artifact: Artifact) -> str:
        return self.recipes.get(artifact, "r1")

    def produce(self, artifact: Artifact, into: Path, progress: Progress) -> Produced:
        self.asked.append(artifact)
        progress.say("works")
        (into / "half").write_bytes(b"unfinished")
        self.before(artifact)
        made = into / artifact.name
        made.write_bytes(self.contents[artifact])
        if artifact.kind == "image":
            layer = into / "layer.tar"
            write_tar({"pause": Entry(self.contents[artifact], 0o755)}, layer)
            images = [([layer], ImageSettings(one)) for one in self.architectures]
            is_one = len(images) == 1
            return Produced(write_layout(*images[0], into) if is_one else write_index_layout(images, into), "build")
        return Produced(made, self.origin)


class StoreInDirectory:
    """Puts blobs where a registry would, without its API."""

    def __init__(self, registry: Path) -> None:
        self._registry = registry
        self.pushed: list[Artifact] = []
        self.closed = False

    def push(self, layout: Path, artifact: Artifact) -> tuple[str, tuple[str, ...]]:
        self.pushed.append(artifact)
        storage = self._registry / "docker/registry/v2"
        digests = []
        for blob in sorted((layout / "blobs/sha256").iterdir()):
            target = storage / "blobs/sha256" / blob.name[:2] / blob.name / "data"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(blob.read_bytes())
            digests.append(f"sha256:{blob.name}")
        link = storage / "repositories/windlass" / artifact.name / "_manifests/tags" / artifact.version / "current/link"
        link.parent.mkdir(parents=True, exist_ok=True)
        root: str = json.loads((layout / "index.json").read_bytes())["manifests"][0]["digest"]
        link.write_text(root)
        return root, tuple(digests)

    def close(self) -> None:
        self.closed = True


class QuietBoard:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[tuple[Artifact, str]] = []
        self.finished: dict[Artifact, WindlassError | None] = {}
        self._guard = threading.Lock()

    def start(self, artifact: Artifact) -> Progress:
        display = self

        class Said:
            def say(self, what: str) -> None:
                with display._guard:
                    display.said.append((artifact, what))

            def advance(self, done: int, total: int | None) -> None:
                self.say(f"{done} of {total}")

        return Said()

    def finish(self, artifact: Artifact, error: WindlassError | None) -> None:
        with self._guard:
            self.finished[artifact] = error


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
