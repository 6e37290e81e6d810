"""What the figures must show: that all compute the same, and what Tongtou sets out to reach."""

from __future__ import annotations

from typing import Any

from benchmarks.accuracy import ASKED
from benchmarks.tasks import WIDE

Rows = list[dict[str, Any]]

LOSS_TOLERANCE = 1e-4
"""Relative. Rounding in float32 moves the loss by some 1e-6; another order of samples, or the last
partial batch left out, by 1e-3 and more."""
ACCURACY_TOLERANCE = 0.001
"""Ten of the 10,000 test digits."""
GROSS_TOLERANCE = 0.02
"""Of the accuracy after an epoch of the wide tasks, whose rounding grows from step to step."""


def agreement(training: Rows) -> Rows:
    """Compare everybody's test loss and accuracy with NumPy's, after the same steps."""
    references = {row["task"]: row for row in training if row["name"] == "numpy"}
    found: Rows = []
    for row in training:
        reference = references.get(row["task"])
        if reference is None or row is reference or "loss" not in row or not row["same_order"]:
            continue
        loss = abs(row["loss"] / reference["loss"] - 1)
        accuracy = abs(row["accuracy"] - reference["accuracy"])
        found.append(
            {
                "task": row["task"],
                "name": row["name"],
                "loss_difference": loss,
                "accuracy_difference": accuracy,
                "agrees": loss <= LOSS_TOLERANCE and accuracy <= ACCURACY_TOLERANCE,
            }
        )
    return found


def failures(found: dict[str, Rows]) -> list[str]:
    """Why the figures are not to be trusted: a sentence each."""
    said = [
        f"{row['task']}, {row['name']}: its loss is not NumPy's"
        for row in found["agreement"]
        if not row["agrees"]
    ]
    said += [
        f"{row['task']}, {row['name']}: {row['error']}" for row in found["wide"] if "error" in row
    ]
    accuracies = {row["task"]: row["accuracy"] for row in found["wide"] if row["name"] == "numpy"}
    said += [
        f"{row['task']}, {row['name']}: accuracy {row['accuracy']:.2%}, NumPy's {expected:.2%}"
        for row in found["wide"]
        if row.get("same_order")
        and (expected := accuracies.get(row["task"]))
        and abs(row["accuracy"] - expected) > GROSS_TOLERANCE
    ]
    return said + [f"soak, case {row['case']}: {row['faults'][0]}" for row in found["soak"][:-1]]


class Figures:
    """The measured rows by name."""

    def __init__(self, training: Rows = (), inference: Rows = (), from_start: Rows = ()) -> None:
        self.cells = {(row["name"], row["batch"]): row for row in training}
        self.inference = {row["name"]: row for row in inference}
        self.starts = {row["name"]: row for row in from_start}
        self.found: Rows = []

    def median(self, name: str, batch: int) -> float | None:
        """Seconds an epoch, or None where it was not measured."""
        row = self.cells.get((name, batch))
        return row["epoch"]["median_s"] if row else None

    def hold(self, what: str, value: float | None, bound: float, *, at_least: bool) -> None:
        """Note whether a value keeps to its bound; a value that was not measured is left out."""
        if value is not None:
            kept = value >= bound if at_least else value <= bound
            sign = "≥" if at_least else "≤"
            self.found.append(
                {"what": what, "value": value, "bound": bound, "sign": sign, "kept": kept}
            )

    def ratio(self, above: float | None, below: float | None) -> float | None:
        """Their quotient, where both were measured."""
        return above / below if above is not None and below is not None else None


def targets(training: Rows, inference: Rows, from_start: Rows) -> Rows:
    """What Tongtou is to reach, with the value found and whether it is reached."""
    figures = Figures(training, inference, from_start)
    for batch, times in ((1, 15.0), (32, 8.0), (256, 5.0)):
        _against_peer(figures, "tongtou", batch, times)
    _against_peer(figures, "tongtou-avx2", 32, 6.5)
    for batch in sorted({batch for _, batch in figures.cells}):
        one, two = figures.median("tongtou", batch), figures.median("tongtou-2", batch)
        limit = figures.ratio(one, figures.median("limit", batch))
        figures.hold(f"batch {batch}: time / the limit's", limit, 1.3, at_least=False)
        # Never slower: 0.95 leaves room for the spread of two equal things.
        bound = 1.3 if batch == 256 else 0.95
        figures.hold(
            f"batch {batch}: two threads, times one", figures.ratio(one, two), bound, at_least=True
        )
    saturated, normal = figures.median("tongtou-saturated", 32), figures.median("tongtou", 32)
    saturated = figures.ratio(saturated, normal)
    figures.hold("batch 32: saturated run / normal run", saturated, 1.3, at_least=False)
    peaks = [row["peak_bytes"] for (name, _), row in figures.cells.items() if name == "tongtou"]
    if peaks:
        figures.hold("peak memory of training, MB", max(peaks) / 1e6, 250, at_least=False)
    if row := figures.inference.get("tongtou"):
        figures.hold("one digit, µs", 1e6 * row["latency"]["median_s"], 10, at_least=False)
        figures.hold("10,000 digits, ms", 1e3 * row["throughput"]["median_s"], 5, at_least=False)
    if row := figures.starts.get("tongtou"):
        own = row["wall"]["median_s"]
        figures.hold("process start to 94 %, s", own, 1.0, at_least=False)
        peers = [other for other in from_start if other["peer"]]
        if peers:
            fastest = min(peers, key=lambda other: other["wall"]["median_s"])
            share = own / fastest["wall"]["median_s"]
            what = f"process start to 94 % / the fastest peer's ({fastest['title']})"
            figures.hold(what, share, 1 / 3, at_least=False)
    return figures.found


def _against_peer(figures: Figures, name: str, batch: int, times: float) -> None:
    row = figures.cells.get((name, batch))
    if row and "times_fastest_peer" in row:
        what = f"batch {batch}: {row['title']}, times the fastest peer ({row['fastest_peer']})"
        figures.hold(what, row["times_fastest_peer"], times, at_least=True)


def wide_targets(rows: Rows) -> Rows:
    """What Tongtou is to reach at every width, all cores on both sides."""
    figures = Figures()
    cells = {(row["name"], row["task"]): row for row in rows if "epoch" in row}

    def median(name: str, task: str) -> float | None:
        row = cells.get((name, task))
        return row["epoch"]["median_s"] if row else None

    for task in WIDE.values():
        row = cells.get(("tongtou", task.name))
        if row and "times_fastest_peer" in row and task.asked is not None:
            what = f"{task.name}: times the fastest peer ({row['fastest_peer']})"
            figures.hold(what, row["times_fastest_peer"], task.asked, at_least=True)
    two = figures.ratio(median("tongtou-1", "quick-256"), median("tongtou", "quick-256"))
    figures.hold("quick-256: all cores, times one thread", two, 1.7, at_least=True)
    slower = figures.ratio(median("tongtou-augmented", "best"), median("tongtou", "best"))
    figures.hold("best: every digit altered / none", slower, 1.5, at_least=False)
    return figures.found


def accuracy_targets(rows: Rows) -> Rows:
    """What the recipes are to reach: the mean over the seeds, the median of the times."""
    figures = Figures()
    for row in rows:
        asked = ASKED[row["name"]]
        what = f"recipe {row['name']}"
        figures.hold(f"{what}: accuracy, %", 100 * row["mean"], 100 * asked.accuracy, at_least=True)
        if asked.train_s is not None:
            seconds = row["train"]["median_s"]
            figures.hold(f"{what}: training, s", seconds, asked.train_s, at_least=False)
    return figures.found


def explanation_targets(rows: Rows) -> Rows:
    """What explanations are to take at most: the medians, in milliseconds."""
    figures = Figures()
    for row in rows:
        if row["asked_s"] is not None:
            what, found = f"{row['title']}, ms", 1e3 * row["call"]["median_s"]
            figures.hold(what, found, 1e3 * row["asked_s"], at_least=False)
    return figures.found


def honesty_targets(rows: Rows) -> Rows:
    """What networks are to answer and to refuse behind their gates, by the worst of the seeds."""
    figures = Figures()
    for row in rows:
        what = row["name"]
        risk = 100 * row["asked_risk"]
        figures.hold(f"{what}: wrong, %", 100 * row["largest_risk"], risk, at_least=False)
        if row["asked_coverage"] is not None:
            asked = 100 * row["asked_coverage"]
            figures.hold(f"{what}: answered, %", 100 * row["least_coverage"], asked, at_least=True)
        for kind, share in row["asked_refused"].items():
            found = 100 * row["least_refused"][kind]
            figures.hold(f"{what}: {kind} refused, %", found, 100 * share, at_least=True)
    return figures.found
