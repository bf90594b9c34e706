"""Shows a fill: bars on a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from windlass.domain.artifacts import Artifact
from windlass.errors import WindlassError
from windlass.mirror.source import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

_LINE_EVERY_SECONDS = 20.0
_WIDTH = 60


class ShownDisplay(Protocol):
    """A board that is opened before and closed after the fill."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what is shown."""

    def start(self, artifact: Artifact) -> Progress:
        """Show that work on `artifact` has begun."""

    def finish(self, artifact: Artifact, error: WindlassError | None) -> None:
        """Show that `artifact` is done, or why it failed."""


def open_display(total: int) -> ShownDisplay:
    """Choose bars for a terminal and lines for everything else, for a fill of `total` artifacts."""
    return BarDisplay(total) if sys.stderr.isatty() else LineDisplay(total, lambda line: print(line, flush=True))  # noqa: T201 (this is what it is for)


@dataclass
class _LineProgress:
    """Prints what an artifact is at, now and then."""

    display: LineDisplay
    artifact: Artifact
    said: float = 0.0

    def say(self, what: str) -> None:
        self._print(what)

    def advance(self, done: int, total: int | None) -> None:
        self._print(f"{done >> 20} of {total >> 20} MiB" if total else f"{done >> 20} MiB")

    def _print(self, what: str) -> None:
        if time.monotonic() - self.said >= _LINE_EVERY_SECONDS:
            self.said = time.monotonic()
            self.display.line(f"{self.artifact}: {what[:_WIDTH]}")


class LineDisplay:
    """Prints a line when something begins, ends, and now and then between; safe to call from any thread."""

    def __init__(self, total: int, write: Callable[[str], None]) -> None:
        self._total = total
        self._write = write
        self._finished = 0
        self._guard = threading.Lock()

    def __enter__(self) -> Self:
        """Begin: nothing to do."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End: nothing to do."""

    def start(self, artifact: Artifact) -> Progress:
        """Take the news of `artifact`; its first line comes when there is something to say."""
        return _LineProgress(self, artifact)

    def finish(self, artifact: Artifact, error: WindlassError | None) -> None:
        """Print that `artifact` is done, and how many remain."""
        with self._guard:
            self._finished += 1
            left = self._total - self._finished
        self.line(f"{artifact}: {'done' if error is None else 'FAILED'}, {left} of {self._total} remain")

    def line(self, text: str) -> None:
        """Print one line."""
        with self._guard:
            self._write(text)


@dataclass
class _BarProgress:
    bars: Bars
    task: TaskID
    artifact: Artifact

    def say(self, what: str) -> None:
        self.bars.update(self.task, description=f"{self.artifact}", doing=what[:_WIDTH])

    def advance(self, done: int, total: int | None) -> None:
        self.bars.update(self.task, completed=done, total=total, doing=f"{done >> 20} MiB")


class BarDisplay:
    """One bar for the whole fill, and below it one for each artifact in work."""

    def __init__(self, total: int) -> None:
        from rich.console import Console  # noqa: PLC0415 (a fill that has nothing to do must not wait for it)
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415 (the same)

        self.bars = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=20), MofNCompleteColumn(),
            TimeElapsedColumn(), TextColumn("{task.fields[doing]}"), console=Console(stderr=True),
        )  # fmt: skip
        self._all = self.bars.add_task("mirror", total=total, doing="")
        self._tasks: dict[Artifact, TaskID] = {}
        self._total = total

    def __enter__(self) -> Self:
        """Begin to draw."""
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing, and leave the last picture."""
        self.bars.stop()

    def start(self, artifact: Artifact) -> Progress:
        """Draw a bar for `artifact`."""
        task = self.bars.add_task(str(artifact), total=None, doing="")
        self._tasks[artifact] = task
        return _BarProgress(self.bars, task, artifact)

    def finish(self, artifact: Artifact, error: WindlassError | None) -> None:
        """Take the bar of `artifact` away, and count it."""
        self.bars.remove_task(self._tasks.pop(artifact))
        self.bars.advance(self._all)
        self.bars.update(self._all, doing=f"{len(self._tasks)} in work")
        if error is not None:
            self.bars.console.print(f"{artifact}: FAILED")
