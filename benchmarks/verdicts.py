"""What the figures must show: that all compute the same, and what Tongtou sets out to reach."""

from __future__ import annotations

from typing import Any

Rows = list[dict[str, Any]]

LOSS_TOLERANCE = 1e-4
"""Relative. Rounding in float32 moves the loss by some 1e-6; another order of samples, or the last
partial batch left out, by 1e-3 and more."""
ACCURACY_TOLERANCE = 0.001
"""Ten of the 10,000 test digits."""


def agreement(training: Rows) -> Rows:
    """Compare everybody's test loss and accuracy with NumPy's, after the same steps."""
    references = {row["batch"]: row for row in training if row["name"] == "numpy"}
    found: Rows = []
    for row in training:
        reference = references.get(row["batch"])
        if reference is None or row is reference or "loss" not in row or not row["same_order"]:
            continue
        loss = abs(row["loss"] / reference["loss"] - 1)
        accuracy = abs(row["accuracy"] - reference["accuracy"])
        found.append(
            {
                "batch": row["batch"],
                "name": row["name"],
                "loss_difference": loss,
                "accuracy_difference": accuracy,
                "agrees": loss <= LOSS_TOLERANCE and accuracy <= ACCURACY_TOLERANCE,
            }
        )
    return found


class Figures:
    """The measured rows by name."""

    def __init__(self, training: Rows, inference: Rows, from_start: Rows) -> None:
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
