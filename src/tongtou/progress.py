"""The progress bar of a training run, on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from tongtou.i18n import text

if TYPE_CHECKING:
    from tongtou.history import EpochRecord
    from tongtou.training.run import Run

_REFRESH_S = 0.05
_BAR_WIDTH = 28
_WORDS_WIDTH = 82
"""About what everything beside the bar takes; on a narrower terminal the bar is shorter."""


def wanted(progress: bool | None) -> bool:
    """Return whether to show one: as told, otherwise where standard error is a terminal."""
    return sys.stderr.isatty() if progress is None else progress


class Progress:
    """A Rich progress bar; use it in a ``with`` block, which gives the function to call.

    Parameters
    ----------
    epochs, steps_per_epoch : int
    n_steps : int
        At the most: a step limit may lie before the last epoch's end.
    n_train : int
        Examples of an epoch.
    first_step : int
        Where a resumed run goes on.
    """

    def __init__(
        self,
        epochs: int,
        steps_per_epoch: int,
        n_steps: int,
        n_train: int,
        first_step: int = 0,
    ) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self._epochs, self._per_epoch, self._n_steps = epochs, steps_per_epoch, n_steps
        self._per_step = n_train / steps_per_epoch
        self._first, self._began = first_step, time.perf_counter()
        self._shown_at = 0.0
        console = Console(stderr=True)
        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=max(4, min(_BAR_WIDTH, console.width - _WORDS_WIDTH))),
            TextColumn("{task.fields[state]}"),
            console=console,
            transient=False,
            auto_refresh=False,
        )
        self._task = self._bar.add_task("", total=n_steps, completed=first_step, state="")

    def __enter__(self) -> Callable[[int, Run], None]:
        self._bar.start()
        self._began = time.perf_counter()
        return self._show

    def _show(self, step: int, run: Run) -> None:
        now = time.perf_counter()
        finished = step == self._n_steps
        if now - self._shown_at < _REFRESH_S and not finished:
            return
        self._shown_at = now
        epochs = run.history.epochs
        words = _measures(epochs[-1]) if epochs else []
        words += self._times(step, now - self._began)
        epoch = min(step // self._per_epoch + 1, self._epochs)
        self._bar.update(
            self._task,
            completed=step,
            state="  ".join(words),
            description=text("progress.epoch", epoch=epoch, epochs=self._epochs),
            refresh=True,
        )

    def _times(self, step: int, seconds: float) -> list[str]:
        """Return samples a second and the time left, of all that `fit` does."""
        made = step - self._first
        if made <= 0 or seconds <= 0:
            return []
        rate = made * self._per_step / seconds
        words = [text("progress.speed", rate=f"{rate:,.0f}")]
        left = (self._n_steps - step) * seconds / made
        if left > 0:
            words.append(text("progress.left", time=clock(left)))
        return words

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()


def clock(seconds: float) -> str:
    """Return a duration as minutes and seconds, with hours where there are some.

    Examples
    --------
    >>> clock(7.2), clock(75), clock(7384), clock(1e12)
    ('0:07', '1:15', '2:03:04', '277777777:46:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _measures(last: EpochRecord) -> list[str]:
    words = [text("progress.loss", loss=f"{last.loss:.4f}")]
    accuracy = last.accuracy if last.val_accuracy is None else last.val_accuracy
    key = "progress.accuracy" if last.val_accuracy is None else "progress.validation"
    if accuracy is not None:
        words.append(text(key, accuracy=f"{accuracy:.2%}"))
    return words
