"""The progress bar of a training run, on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from tongtou.i18n import text

if TYPE_CHECKING:
    from tongtou.training import _Run

_REFRESH_S = 0.05


def wanted(progress: bool | None) -> bool:
    """Return whether to show one: as told, otherwise where standard error is a terminal."""
    return sys.stderr.isatty() if progress is None else progress


class Progress:
    """A Rich progress bar; use it in a ``with`` block, which gives the function to call."""

    def __init__(self, epochs: int, steps_per_epoch: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._epochs, self._per_epoch = epochs, steps_per_epoch
        self._shown_at = 0.0
        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
            transient=False,
            auto_refresh=False,
        )
        self._task = self._bar.add_task("", total=epochs * steps_per_epoch, state="")

    def __enter__(self) -> Callable[[int, _Run], None]:
        self._bar.start()
        return self._show

    def _show(self, step: int, run: _Run) -> None:
        now = time.perf_counter()
        finished = step == self._epochs * self._per_epoch
        if now - self._shown_at < _REFRESH_S and not finished:
            return
        self._shown_at = now
        epochs = run.history.epochs
        state = ""
        if epochs:
            last = epochs[-1]
            state = text("progress.loss", loss=f"{last.loss:.4f}")
            accuracy = last.accuracy if last.val_accuracy is None else last.val_accuracy
            key = "progress.accuracy" if last.val_accuracy is None else "progress.validation"
            if accuracy is not None:
                state += "  " + text(key, accuracy=f"{accuracy:.2%}")
        epoch = min(step // self._per_epoch + 1, self._epochs)
        self._bar.update(
            self._task,
            completed=step,
            state=state,
            description=text("progress.epoch", epoch=epoch, epochs=self._epochs),
            refresh=True,
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()
