"""How many test digits the recipes get right over several seeds, by the command a user types."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import Patience, run_process, spread
from benchmarks.suite import Plan, Rows


@dataclass(frozen=True)
class Asked:
    """What a recipe is to reach."""

    accuracy: float
    train_s: float | None = None


ASKED = {
    "lesson": Asked(0.945),
    "quick": Asked(0.975, 2.0),
    "best": Asked(0.992, 90.0),
    "lesson-best": Asked(0.963),
}


def accuracy(plan: Plan, patience: Patience, say: Callable[[str], None]) -> Rows:
    """Train every recipe with every seed, all cores, each in a process of its own."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in plan.recipes}
    with tempfile.TemporaryDirectory() as folder:
        for seed in plan.seeds:
            for name in plan.recipes:
                say(f"accuracy: recipe {name}, seed {seed}")
                # One attempt: a disturbed run is as right as any, and its row says that it was.
                runs[name].append(
                    Patience(0).take_quiet(
                        lambda name=name, seed=seed: train(name, seed, Path(folder))
                    )
                )
    return [summary(name, taken) for name, taken in runs.items() if taken]


def train(name: str, seed: int, folder: Path) -> dict[str, Any]:
    """One run of the command."""
    file = folder / "model.safetensors"
    command = ["tongtou", "train", "--recipe", name, "--seed", str(seed), "--out", str(file)]
    document = run_process([*command, "--json", "--no-progress"])
    history = document["history"]
    return {
        "seed": seed,
        "accuracy": document["test"]["accuracy"],
        "train_s": history["prepare_s"] + sum(epoch["seconds"] for epoch in history["epochs"]),
        "n_train": history["n_train"],
        "n_epochs": len(history["epochs"]),
        "n_parameters": document["network"]["parameters"],
        "threads": history["threads"],
        "wall_s": document["wall_s"],
        "processor_s": document["processor_s"],
    }


def summary(name: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The row of one recipe."""
    right = [run["accuracy"] for run in runs]
    quiet = [run for run in runs if not run["disturbed"]] or runs
    return {
        "name": name,
        "runs": runs,
        "mean": statistics.mean(right),
        "deviation": statistics.stdev(right) if len(right) > 1 else 0.0,
        "worst": min(right),
        "best": max(right),
        "train": spread([run["train_s"] for run in quiet]),
        "wall": spread([run["wall_s"] for run in quiet]),
        "disturbed": all(run["disturbed"] for run in runs),
        "others_cores": max(run["others_cores"] for run in quiet),
    }
