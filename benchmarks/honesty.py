"""What trained networks answer behind their gates, over several seeds: digits and no digits."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tongtou as tt
from benchmarks.accuracy import train
from benchmarks.measure import Patience
from benchmarks.suite import Plan, Rows
from tongtou import honesty as gatekeeping

N_PICTURES = 1000
ALWAYS = {"noise": 0.99, "noise_in_box": 0.99, "constant": 1.0}
_UNLIKE = {"letters": 0.9, "letter_strokes": 0.9, "pairs": 0.9}


@dataclass(frozen=True)
class Case:
    """A recipe, a risk, and what is asked of them."""

    recipe: str
    risk: float
    coverage: float | None = None
    refused: dict[str, float] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, float]:
        """By which its runs are found."""
        return self.recipe, self.risk


CASES = (
    Case("lesson", 0.01, 0.75, ALWAYS),
    Case("lesson-best", 0.01, 0.75, ALWAYS),
    Case("best", 0.003, 0.95, ALWAYS),
    Case("honest", 0.01, None, ALWAYS),
    Case("honest", 0.005, None, ALWAYS | _UNLIKE),
    Case("honest-best", 0.003, None, ALWAYS | _UNLIKE),
)


def honesty(plan: Plan, patience: Patience, say: Callable[[str], None]) -> Rows:
    """Train each recipe with every seed by the command a user types, and try its gates."""
    digits = tt.datasets.mnist()
    runs: dict[tuple[str, float], list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed in plan.seeds:
            for recipe in dict.fromkeys(case.recipe for case in CASES):
                say(f"honesty: recipe {recipe}, seed {seed}")
                train(recipe, seed, Path(folder))
                net = tt.load(Path(folder) / "model.safetensors")
                net.gates = gatekeeping.gates(net, digits.train, len(digits.train) // 12, seed=seed)
                sure = gatekeeping.calibration(net, digits.test)
                for case in (one for one in CASES if one.recipe == recipe):
                    table = gatekeeping.table(
                        {"net": net}, digits.test, risk=case.risk, n=N_PICTURES
                    )
                    run = {"seed": seed, "calibration": sure.to_dict(), **table.to_dict()}
                    runs.setdefault(case.key, []).append(run)
    return [summary(case, runs[case.key]) for case in CASES if case.key in runs]


def summary(case: Case, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The row of one recipe and risk: the worst seed of each figure, and the mean."""
    answers = [run["summaries"][0] for run in runs]
    kinds = [row["kind"] for row in runs[0]["rows"]]
    refused = {
        kind: [row["refused"] for run in runs for row in run["rows"] if row["kind"] == kind]
        for kind in kinds
    }
    risks = [one["risk"] or 0.0 for one in answers]
    return {
        "name": f"{case.recipe}, {100 * case.risk:g} %",
        "recipe": case.recipe,
        "asked_risk": case.risk,
        "asked_coverage": case.coverage,
        "asked_refused": case.refused,
        "runs": runs,
        "accuracy": mean([one["accuracy"] for one in answers]),
        "coverage": mean([one["coverage"] for one in answers]),
        "least_coverage": min(one["coverage"] for one in answers),
        "risk": mean(risks),
        "largest_risk": max(risks),
        "ece": mean([run["calibration"]["ece"] for run in runs]),
        "refused": {kind: mean(shares) for kind, shares in refused.items()},
        "least_refused": {kind: min(shares) for kind, shares in refused.items()},
    }


def mean(values: list[float]) -> float:
    """Their mean."""
    return sum(values) / len(values)
