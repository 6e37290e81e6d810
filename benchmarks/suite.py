"""The three things that are measured: training, inference, and from process start to the goal."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contestants import ENTRIES, Entry
from benchmarks.data import Digits, order
from benchmarks.from_start import CONTESTANTS, N_EPOCHS
from benchmarks.measure import Cell, Patience, run_process, spread, take_turns
from benchmarks.settings import EPOCHS, LEARNING_RATES

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    batches: Sequence[int]
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


def training(plan: Plan, patience: Patience, say: Callable[[str], None]) -> Rows:
    """Seconds an epoch of every contestant at every batch size."""
    rows: Rows = []
    for batch in plan.batches:
        entries = [
            entry
            for name in plan.names
            if not (entry := ENTRIES[name]).batches or batch in entry.batches
        ]
        cells = []
        for entry in entries:
            say(f"batch {batch}: {entry.name} gets ready")
            cells.append(Cell(entry.name, "--batch", str(batch), "--least", str(plan.turn_s)))
        take_turns(
            cells,
            plan.n_rounds,
            plan.n_slow,
            patience,
            lambda text, batch=batch: say(f"batch {batch}, {text}"),
        )
        rows += [
            training_row(entry, cell, batch) for entry, cell in zip(entries, cells, strict=True)
        ]
    add_ratios(rows)
    return rows


def training_row(entry: Entry, cell: Cell, batch: int) -> dict[str, Any]:
    """One cell of the table."""
    seconds = [value for turn in quiet(cell.turns) for value in turn["epoch_s"]]
    row = common(entry, cell.turns) | {
        "batch": batch,
        "epochs": EPOCHS[batch],
        "learning_rate": LEARNING_RATES[batch],
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
    """How many times as fast as the fastest peer at its batch size each row is."""
    for row in rows:
        peers = [peer for peer in rows if peer["peer"] and peer["batch"] == row["batch"]]
        if peers:
            fastest = min(peers, key=lambda peer: peer["epoch"]["median_s"])
            row["fastest_peer"] = fastest["name"]
            row["times_fastest_peer"] = fastest["epoch"]["median_s"] / row["epoch"]["median_s"]


def inference(plan: Plan, patience: Patience, say: Callable[[str], None]) -> Rows:
    """Latency of one digit and time of 10,000, on one core."""
    entries = [entry for name in plan.names if (entry := ENTRIES[name]).predicts]
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
    entries = [ENTRIES[name] for name in plan.names if name in CONTESTANTS]
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
