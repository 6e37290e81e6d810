"""What is measured of the lesson's network: training, inference, from process start to the goal."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contestants import LESSON_ENTRIES, Entry, entries_of
from benchmarks.data import Digits, order
from benchmarks.from_start import CONTESTANTS, N_EPOCHS
from benchmarks.measure import Cell, Patience, run_process, spread, take_turns
from benchmarks.tasks import LESSON, Task

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    batches: Sequence[int]
    tasks: Sequence[str]
    """Of WIDE."""
    recipes: Sequence[str]
    seeds: Sequence[int]
    minutes: float
    """Of soaking."""
    names: Sequence[str]
    n_rounds: int
    n_slow: int
    """Turns of contestants that need seconds for one."""
    turn_s: float
    n_starts: int


def quiet(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The undisturbed turns, or all of them where none was."""
    return [turn for turn in turns if not turn["disturbed"]] or turns


def common(entry: Entry, turns: list[dict[str, Any]]) -> dict[str, Any]:
    """What every row says."""
    return {
        "name": entry.name,
        "title": entry.title,
        "peer": entry.peer,
        "disturbed": all(turn["disturbed"] for turn in turns),
        "others_cores": max(turn["others_cores"] for turn in quiet(turns)),
        "n_turns": len(quiet(turns)),
        "n_attempts": sum(turn["n_attempts"] for turn in turns),
    }


def library(entry: Entry) -> str:
    """The title without what concerns training alone."""
    return entry.title.partition(",")[0]


def taking_part(task: Task, names: Sequence[str]) -> list[Entry]:
    """Whoever of these takes part in a task."""
    entries = entries_of(task)
    return [
        entry
        for name in names
        if (entry := entries.get(name))
        and (not entry.batches or task.batch in entry.batches)
        and (not entry.tasks or task.name in entry.tasks)
    ]


def training(plan: Plan, patience: Patience, say: Callable[[str], None]) -> Rows:
    """Seconds an epoch of every contestant at every batch size."""
    rows: Rows = []
    for task in (LESSON[batch] for batch in plan.batches):
        entries = taking_part(task, plan.names)
        cells = []
        for entry in entries:
            say(f"{task.name}: {entry.name} gets ready")
            cells.append(Cell(entry.name, "--task", task.name, "--least", str(plan.turn_s)))
        rows += timed(task, entries, cells, plan, patience, say)
    return rows


def timed(
    task: Task,
    entries: Sequence[Entry],
    cells: Sequence[Cell],
    plan: Plan,
    patience: Patience,
    say: Callable[[str], None],
) -> Rows:
    """Let them take their turns; a row each, compared with the fastest peer."""
    take_turns(
        cells, plan.n_rounds, plan.n_slow, patience, lambda text: say(f"{task.name}, {text}")
    )
    rows = [training_row(entry, cell, task) for entry, cell in zip(entries, cells, strict=True)]
    add_ratios(rows)
    return rows


def training_row(entry: Entry, cell: Cell, task: Task) -> dict[str, Any]:
    """One cell of the table."""
    seconds = [value for turn in quiet(cell.turns) for value in turn["epoch_s"]]
    row = common(entry, cell.turns) | {
        "task": task.name,
        "heading": task.heading,
        "batch": task.batch,
        "epochs": task.epochs,
        "learning_rate": task.learning_rate,
        "same_order": entry.same_order,
        "epoch": spread(seconds),
        "turn_medians_s": [statistics.median(turn["epoch_s"]) for turn in cell.turns],
        "facts": cell.facts,
    }
    for key in ("accuracy", "loss", "peak_bytes"):
        if key in cell.turns[0]:
            row[key] = cell.turns[0][key]
    if "n_nonzero" in cell.facts:
        row["ns_per_nonzero"] = 1e9 * row["epoch"]["median_s"] / cell.facts["n_nonzero"]
    return row


def add_ratios(rows: Rows) -> None:
    """How many times as fast as the fastest peer each row of one task is."""
    peers = [row for row in rows if row["peer"]]
    if peers:
        fastest = min(peers, key=lambda peer: peer["epoch"]["median_s"])
        for row in rows:
            row["fastest_peer"] = fastest["name"]
            row["times_fastest_peer"] = fastest["epoch"]["median_s"] / row["epoch"]["median_s"]


def inference(plan: Plan, patience: Patience, say: Callable[[str], None]) -> Rows:
    """Latency of one digit and time of 10,000, on one core."""
    entries = [
        entry for name in plan.names if (entry := LESSON_ENTRIES.get(name)) and entry.predicts
    ]
    cells = []
    for entry in entries:
        say(f"inference: {entry.name} gets ready")
        cells.append(Cell(entry.name, "--work", "predict", "--least", str(plan.turn_s)))
    take_turns(
        cells, plan.n_rounds, plan.n_rounds, patience, lambda text: say(f"inference, {text}")
    )
    rows = []
    for entry, cell in zip(entries, cells, strict=True):
        row = common(entry, cell.turns) | {"title": library(entry)}
        for key in ("latency", "throughput"):
            row[key] = spread([turn[f"{key}_s"] for turn in quiet(cell.turns)])
        rows.append(row)
    return rows


def from_start(plan: Plan, patience: Patience, say: Callable[[str], None]) -> Rows:
    """Wall time of whole processes that train to the goal and end."""
    entries = [LESSON_ENTRIES[name] for name in plan.names if name in CONTESTANTS]
    turns: dict[str, list[dict[str, Any]]] = {entry.name: [] for entry in entries}
    n = len(Digits().y)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.npy"
        np.save(path, np.stack([order(epoch, n).astype(np.int32) for epoch in range(N_EPOCHS)]))
        for nth in range(plan.n_starts):
            for entry in entries:
                say(f"from start, round {nth + 1} of {plan.n_starts}: {entry.name}")
                command = ("benchmarks.from_start", "--contestant", entry.name)
                turns[entry.name].append(
                    patience.take_quiet(
                        lambda command=command: run_process([*command, "--orders", str(path)])
                    )
                )
    rows = []
    for entry in entries:
        taken = turns[entry.name]
        rows.append(
            common(entry, taken)
            | {"title": library(entry)}
            | {key: taken[0][key] for key in ("accuracy", "epochs", "reached")}
            | {"wall": spread([turn["wall_s"] for turn in quiet(taken)])}
        )
    return rows
