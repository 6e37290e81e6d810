"""Networks of every width, all cores: everybody is checked first, then timed in turns.

The check is two epochs over a few batches, compared with the same steps in float64. In float32
the test loss then moves by some 1e-7, but where a ReLU on the very edge fires in one and not in the
other: with Adam a weight that only this example moves makes a whole step the more. In wide networks
that comes in every few steps, and was seen to move the loss by 4e-4. What is wrong moves it further
than a task tolerates: a learning rate 1 % off by 2e-4 (lesson-adam) to 7e-3 (best), an order or a
last partial batch of its own by 1e-2 and more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.contestants import ORACLES, Entry
from benchmarks.measure import Cell, CellError, Patience
from benchmarks.suite import Plan, Rows, taking_part, timed
from benchmarks.tasks import WIDE, Task

N_CHECKED = 4
"""Full batches of an epoch of the check."""


def wide(plan: Plan, patience: Patience, say: Callable[[str], None]) -> Rows:
    """Seconds an epoch of every contestant at every task; whoever disagrees is not timed."""
    rows: Rows = []
    for task in (WIDE[name] for name in plan.tasks):
        check = Check(task, say)
        ready = []
        for entry in taking_part(task, plan.names):
            say(f"{task.name}: {entry.name} gets ready")
            cell, row = check.start(entry, plan.turn_s)
            if cell is None:
                rows.append(row)
            else:
                ready.append((entry, cell, row))
        if not ready:
            continue
        entries, cells, checked = zip(*ready, strict=True)
        for row, measured in zip(
            checked, timed(task, entries, cells, plan, patience, say), strict=True
        ):
            rows.append(measured | row)
    return rows


class Check:
    """Compares contestants with the same steps in float64, run when first asked for."""

    def __init__(self, task: Task, say: Callable[[str], None]) -> None:
        self.task, self.say = task, say
        self.losses: dict[str, float] = {}

    def start(self, entry: Entry, turn_s: float) -> tuple[Cell | None, dict[str, Any]]:
        """Its process, ready for its turns, or None; and what its row says of the check."""
        row = {
            "task": self.task.name,
            "heading": self.task.heading,
            "name": entry.name,
            "title": entry.title,
            "peer": entry.peer,
        }
        try:
            cell = self._cell(entry.name, "--least", str(turn_s))
        except CellError as error:
            return None, row | {"error": str(error)}
        if "cannot" in cell.ready:
            cell.close()
            return None, row | {"cannot": cell.ready["cannot"]}
        if "differs" in cell.facts or not entry.same_order:
            return cell, row
        row["check"] = compared(
            self.task, cell.ready["check"]["loss"], self._expected(entry.oracle)
        )
        if row["check"]["agrees"]:
            return cell, row
        cell.close()
        return None, row | {"error": "does not compute the same"}

    def _expected(self, name: str) -> float:
        oracle = ORACLES[name if self.task.rule == "adam" else "oracle"].name
        if oracle not in self.losses:
            self.say(f"{self.task.name}: the same steps in float64")
            cell = self._cell(oracle)
            cell.close()
            self.losses[oracle] = cell.ready["check"]["loss"]
        return self.losses[oracle]

    def _cell(self, name: str, *options: str) -> Cell:
        return Cell(name, "--task", self.task.name, "--check", str(N_CHECKED), *options)


def compared(task: Task, loss: float, expected: float) -> dict[str, Any]:
    """How far a loss is from the one expected, and whether that is near enough."""
    difference = abs(loss / expected - 1)
    return {
        "loss": loss,
        "expected": expected,
        "difference": difference,
        "tolerance": task.tolerance,
        "agrees": difference <= task.tolerance,  # a NaN is not
    }
