"""One contestant at one task in a process of its own, so that memory and state are its own.

It says when it is ready, then for each line that comes in takes one turn and prints one line of
JSON. To try one by hand: echo | python -m benchmarks.cell --contestant numpy --task lesson-32
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # NumPy looks at environment and cores when imported: not before they are set
    from benchmarks.contestants import Contestant
    from benchmarks.data import Data, Parameters
    from benchmarks.tasks import Task


def peak_bytes() -> int:
    """The most memory this process held. Unlike ru_maxrss it does not start from the parent's."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def train_turn(
    contestant: Contestant, first: Parameters, n_epochs: int, n: int, least_s: float
) -> list[float]:
    """Seconds of each epoch, of as many whole runs from the first weights as fill `least_s`."""
    seconds: list[float] = []
    until = time.perf_counter() + least_s
    while not seconds or time.perf_counter() < until:
        seconds += contestant.train(first, n_epochs, n)
    return seconds


def predict_turn(one: Any, many: Any, least_s: float) -> dict[str, float]:
    """Median seconds of one call with one row, and of one call with 10,000 rows."""
    medians = {}
    for name, call in (("latency_s", one), ("throughput_s", many)):
        times: list[float] = []
        until = time.perf_counter() + least_s / 2
        while len(times) < 5 or time.perf_counter() < until:
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        medians[name] = sorted(times)[len(times) // 2]
    return medians


class Turns:
    """What a cell answers to the lines it is sent."""

    def __init__(
        self, contestant: Contestant, data: Data, task: Task, options: argparse.Namespace
    ) -> None:
        from benchmarks.data import first_weights

        self.contestant, self.data, self.task, self.options = contestant, data, task, options
        self.first = first_weights(task.sizes)
        self.report: dict[str, Any] = {}
        if options.work == "predict":
            self.one = contestant.predictor(self.first, data.X_test[:1])
            self.many = contestant.predictor(self.first, data.X_test)
            self.one()
            self.many()
        elif options.work == "train":
            contestant.prepare()

    def check(self, n_batches: int) -> dict[str, float]:
        """The score after two epochs over the first full batches and a partial one like the last.

        Few enough steps for rounding to stay small, which grows from step to step.
        """
        batch, n = self.task.batch, len(self.data.y)
        self.contestant.train(self.first, 2, n_batches * batch + n % batch)
        return self._score()

    def take(self) -> dict[str, Any]:
        """One turn: what was timed, and how much processor time it took."""
        wall, processor = time.perf_counter(), time.process_time()
        report: dict[str, Any] = {}
        if self.options.work == "predict":
            report |= predict_turn(self.one, self.many, self.options.least)
        else:
            epochs, least = self.options.epochs, self.options.least
            n = len(self.data.y)
            report["epoch_s"] = train_turn(self.contestant, self.first, epochs, n, least)
        report["wall_s"] = time.perf_counter() - wall
        report["processor_s"] = time.process_time() - processor
        if not self.report:  # later turns repeat the same steps, and scoring takes memory itself
            facts = {"peak_bytes": peak_bytes(), "facts": self.contestant.facts}
            self.report = facts | self._score()
        return report | self.report

    def _score(self) -> dict[str, float]:
        from benchmarks.data import score

        learnt = self.contestant.parameters() if self.options.work == "train" else None
        if learnt is None:
            return {}
        accuracy, loss = score(learnt, self.data, self.task.activation)
        return {"accuracy": accuracy, "loss": loss}


def main() -> None:
    """Get ready, then take turns until the input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contestant", required=True)
    parser.add_argument("--task", default="lesson-32")
    parser.add_argument("--work", choices=("train", "predict"), default="train")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--least", type=float, default=0.6, help="seconds a turn lasts at least")
    parser.add_argument("--check", type=int, default=0, help="batches of a first, short run")
    options = parser.parse_args()

    # Libraries print; the answers go to the real output, everything else to the error stream.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    from benchmarks.contestants import CannotRunError, entries_of
    from benchmarks.tasks import TASKS

    task = TASKS[options.task]
    entry = entries_of(task)[options.contestant]
    if options.work == "predict" or entry.one_core:  # not every library takes a number of threads
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    options.epochs = options.epochs or task.epochs
    build = entry.build()
    from benchmarks.data import data_of

    data = data_of(task)
    contestant = build(data, task, entry.n_threads())
    ready: dict[str, Any] = {"facts": contestant.facts}
    try:
        turns = Turns(contestant, data, task, options)
        if options.check:
            ready["check"] = turns.check(options.check)
    except CannotRunError as error:
        ready["cannot"] = str(error)
    print(json.dumps(ready), file=answers)
    if "cannot" in ready:
        return
    for _ in sys.stdin:
        print(json.dumps(turns.take()), file=answers)


if __name__ == "__main__":
    main()
