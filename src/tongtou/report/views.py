"""What the templates show, made of findings: charts, and what they pick out of them."""

from __future__ import annotations

import math
from typing import Any

from tongtou.report import charts
from tongtou.report.drawing import Drawing
from tongtou.report.words import both

MOST_CONFUSION, MOST_NEURONS, MOST_OF_TABLE, MOST_BARS = 25, 32, 12, 12


def views_of(findings: dict[str, Any]) -> dict[str, Any]:
    """Return drawings and picks by the names that the templates use."""
    quality, training = findings["quality"], findings["training"]
    kind = quality["kind"]
    views: dict[str, Any] = {
        "chain": charts.chain(findings["network"]),
        "curves": _curves(training["history"]),
        "by_class": None,
        "confusion": None,
        "scatters": [],
        "importance": None,
        "dependences": [],
        "sections": sections_of(findings),
    }
    if kind in ("classes", "labels"):
        views["by_class"] = charts.by_class(quality)
        known = [one for one in quality["classes"] if one["right"]["value"] is not None]
        ranked = sorted(known, key=lambda one: one["right"]["value"])
        views["best"], views["weakest"] = ranked[-1], ranked[0]
    if kind == "classes" and len(quality["classes"]) <= MOST_CONFUSION:
        views["confusion"] = _levels(quality["confusion"])
    if kind == "numbers":
        n_targets = len(quality["targets"])
        views["scatters"] = [charts.scatter(quality, j) for j in range(n_targets)]
    if "sure" in findings:
        sure = findings["sure"]
        views["reliability"] = charts.reliability(sure["calibration"]["bins"])
        views["risk"] = charts.risk(sure["risk_coverage"])
    if "features" in findings:
        views["neurons"] = _neurons(findings)
    if "importance" in findings:
        views["importance"] = charts.importance(findings["importance"])
        in_percent = kind != "numbers"
        views["dependences"] = [
            (one["name"], one["outputs"][j], charts.dependence(one, j, in_percent))
            for one in findings["dependence"]
            for j in _outputs_shown(findings, one)
        ]
    return views


def sections_of(findings: dict[str, Any]) -> list[str]:
    """Return the names of the sections that these findings fill, in the order of the page."""
    kind = findings["quality"]["kind"]
    there = {
        "quality": kind != "loss",
        "sure": "sure" in findings,
        "wrong": kind in ("classes", "numbers"),
        "columns": "importance" in findings,
        "neurons": "features" in findings,
        "network": True,
        "training": True,
        "health": "health" in findings,
        "method": True,
    }
    return [name for name, is_there in there.items() if is_there]


def _outputs_shown(findings: dict[str, Any], dependence: dict[str, Any]) -> list[int]:
    """Return all targets, the only output, or the class whose confidence moves the most."""
    n = len(dependence["outputs"])
    if n == 1 or findings["quality"]["kind"] == "numbers":
        return list(range(min(n, 4)))
    moved = [max(one) - min(one) for one in dependence["mean"]]
    return [moved.index(max(moved))]


def neurons_shown(findings: dict[str, Any]) -> list[list[int]]:
    """Return the neurons of each hidden layer that are shown, those most needed first."""
    most = MOST_NEURONS if findings["network"]["shape"] else MOST_OF_TABLE
    found = []
    for layer in findings["features"]["layers"]:
        costs = [_cost(neuron) for neuron in layer["neurons"]]
        found.append(sorted(range(len(costs)), key=costs.__getitem__, reverse=True)[:most])
    return found


def _cost(neuron: dict[str, Any]) -> tuple[float, float]:
    """Return how much accuracy is lost, and loss gained, when a neuron is held at its mean."""
    removal = neuron["removal"]
    if not removal:
        return (0.0, 0.0)
    held, now = removal["held"], removal["now"]
    lost = 0.0 if held["accuracy"] is None else now["accuracy"] - held["accuracy"]
    return (lost, held["loss"] - now["loss"])


def _neurons(findings: dict[str, Any]) -> list[dict[str, Any]]:
    """Return each hidden layer with the cards of its neurons."""
    found = findings["features"]
    names = [str(one) for one in found["classes"]]
    inputs = found["input_names"]
    layers = []
    for layer, shown in zip(found["layers"], neurons_shown(findings), strict=True):
        cards = []
        for j in shown:
            one = layer["neurons"][j]
            removal = one["removal"]
            lost, gained = _cost(one)
            in_points = bool(removal) and removal["held"]["accuracy"] is not None
            drawn = one["by_class"] and len(names) <= MOST_BARS
            cards.append(
                {
                    "one": one,
                    "key": f"{layer['layer']}-{j}",
                    "bars": charts.by_class_bars(one["by_class"], names) if drawn else None,
                    "best": None if one["best_class"] is None else str(one["best_class"]),
                    "points": -100 * lost if in_points else None,
                    "loss": gained if removal else None,
                    "inputs": _inputs(findings, layer["layer"], j, inputs),
                }
            )
        tells = any(one["bars"] or one["inputs"] or findings["network"]["shape"] for one in cards)
        layers.append({"layer": layer, "cards": cards, "n": len(layer["neurons"]), "tells": tells})
    return layers


def _inputs(
    findings: dict[str, Any], layer: int, j: int, names: list[str]
) -> list[tuple[str, float]]:
    """Return the strongest weights of a neuron that reads the columns of a table."""
    weights = findings.get("first_weights")
    if layer != 1 or weights is None:
        return []
    order = sorted(range(len(weights[j])), key=lambda i: -abs(weights[j][i]))[:4]
    return [(names[i] if i < len(names) else f"x{i}", weights[j][i]) for i in order]


def _curves(history: dict[str, Any] | None) -> list[Drawing]:
    if not history:
        return []
    epochs = history["epochs"]
    names = both("plot.training"), both("plot.held_out")
    found = [
        charts.curve(
            epochs,
            [(field, "blue", names[0]), (f"val_{field}", "orange", names[1])],
            both(title),
            field == "accuracy",
        )
        for field, title in (
            ("accuracy", "report.accuracy_curve"),
            ("loss", "report.loss_curve"),
        )
    ]
    return [one for one in found if one is not None]


def _levels(counts: list[list[int]]) -> list[list[tuple[int, str]]]:
    """Return each count with the class of its cell: right, or how strong its orange is."""
    shares = [[n / (sum(row) or 1) for n in row] for row in counts]
    off = [shares[i][j] for i in range(len(counts)) for j in range(len(counts)) if i != j]
    most = max(max(off, default=0.0), 0.02)
    return [
        [
            (n, "hit" if i == j else f"w{math.ceil(8 * math.sqrt(shares[i][j] / most))}")
            for j, n in enumerate(row)
        ]
        for i, row in enumerate(counts)
    ]
