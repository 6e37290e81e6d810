"""The charts of a report: from findings to shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tongtou.report.drawing import WIDE, Axis, Drawing, axis_over, tick_label
from tongtou.report.words import Words, both, number, percent, same, shortened, signed

Finding = Mapping[str, Any]
_ROW = 26.0
_MOST_CLASSES = 30


def by_class(quality: Finding) -> Drawing:
    """Draw the share answered rightly of each class, with its interval."""
    classes = [one for one in quality["classes"] if one["right"]["value"] is not None]
    if len(classes) > _MOST_CLASSES:
        classes = sorted(classes, key=lambda one: one["right"]["value"])[:_MOST_CLASSES]
    longest = max((_width(shortened(one["class"], 18)) for one in classes), default=2)
    left = 16 + 7.5 * longest
    lows = min(one["right"]["low"] for one in classes)
    floor = max(0.0, math.floor((lows - 0.01) * 20) / 20)
    axis = Axis(floor, 1.0, left, WIDE - 58)
    high = 34 + _ROW * len(classes)
    drawing = Drawing(WIDE, high, both("report.by_class_alt"))
    _grid_down(drawing, axis, 6, high - 24, lambda v: percent(v, 0))
    whole = quality["accuracy"]["value"]
    if quality["kind"] == "classes":
        drawing.line("mean", axis(whole), 6, axis(whole), high - 24)
    for place, one in enumerate(classes):
        y = 19 + _ROW * place
        right = one["right"]
        drawing.text(left - 10, y + 4.5, shortened(one["class"], 18), "name", "end")
        drawing.told(one["class"])
        drawing.line("reach", axis(right["low"]), y, axis(right["high"]), y)
        drawing.add("circle", "dot", cx=axis(right["value"]), cy=y, r=4.5)
        drawing.told(_interval_told(one["class"], right))
        drawing.text(WIDE - 4, y + 4.5, percent(right["value"]), "figure", "end")
    return drawing


def _interval_told(name: str, share: Finding) -> Words:
    return both(
        "report.interval_told",
        name=name,
        value=percent(share["value"]),
        low=percent(share["low"]),
        high=percent(share["high"]),
    )


def _grid_down(drawing: Drawing, axis: Axis, top: float, bottom: float, label: Any) -> None:
    """Draw a vertical line and a label below for each tick of a horizontal axis."""
    for tick in axis.ticks():
        drawing.line("grid", axis(tick), top, axis(tick), bottom)
        drawing.text(axis(tick), bottom + 17, label(tick), "tick", "middle")


def _grid_across(drawing: Drawing, axis: Axis, left: float, right: float, label: Any) -> None:
    for tick in axis.ticks(4):
        drawing.line("grid", left, axis(tick), right, axis(tick))
        drawing.text(left - 7, axis(tick) + 4, label(tick), "tick", "end")


def scatter(quality: Finding, target: int) -> Drawing:
    """Draw what the network said over what is, with the line on which both are equal."""
    points = [one for one in quality["points"] if one["target"] == target]
    every = [one[key] for one in points for key in ("is", "said")]
    high = 330.0
    across = axis_over(every, 58, WIDE - 12)
    up = axis_over(every, high - 46, 10)
    drawing = Drawing(WIDE, high, both("report.scatter_alt"))
    _grid_across(drawing, up, 58, WIDE - 12, tick_label)
    _grid_down(drawing, across, 10, high - 46, tick_label)
    drawing.line("mean", across(across.low), up(up.low), across(across.high), up(up.high))
    for one in points:
        drawing.add("circle", "point", cx=across(one["is"]), cy=up(one["said"]), r=3.2)
    drawing.text(WIDE - 12, high - 8, both("report.axis_is"), "axis", "end")
    drawing.text(58, high - 8, both("report.axis_said"), "axis")
    return drawing


def curve(
    epochs: Sequence[Finding], names: Sequence[tuple[str, str, Words]], title: Words, share: bool
) -> Drawing | None:
    """Draw columns of the epochs as lines: (field, class of the line, what it is called)."""
    series = []
    for field, kind, called in names:
        points = [(one["epoch"], one.get(field)) for one in epochs]
        known = [(float(x), float(y)) for x, y in points if y is not None and math.isfinite(y)]
        if known:
            series.append((kind, called, known))
    values = [y for _, _, known in series for _, y in known]
    if len(epochs) < 2 or not values:
        return None
    high = 230.0
    across = Axis(float(epochs[0]["epoch"]), float(epochs[-1]["epoch"]), 58, WIDE - 14)
    low, top = min(values), max(values)
    logarithmic = not share and low > 0 and top / low > 20
    if logarithmic:
        up = Axis(low / 1.1, top * 1.1, high - 40, 12, True)
    else:
        up = axis_over(values, high - 40, 12)
        if share:
            up = Axis(max(0.0, up.low), min(1.0, up.high), up.start, up.end)
    drawing = Drawing(WIDE, high, title)
    fine = 0 if up.high - up.low > 0.04 else 1
    label = (lambda v: percent(v, fine)) if share else tick_label
    _grid_across(drawing, up, 58, WIDE - 14, label)
    for tick in dict.fromkeys(round(one) for one in across.ticks()):
        drawing.text(across(tick), high - 22, str(tick), "tick", "middle")
    drawing.text(WIDE - 14, high - 5, both("plot.epoch"), "axis", "end")
    x = 58.0
    for kind, called, known in series:
        drawing.path(f"line {kind}", [(across(a), up(b)) for a, b in known])
        last = known[-1]
        drawing.add("circle", f"end {kind}", cx=across(last[0]), cy=up(last[1]), r=3)
        drawing.line(f"line {kind}", x, high - 9, x + 18, high - 9)
        drawing.text(x + 24, high - 5, called, "axis")
        x += 120
    return drawing


def chain(network: Finding) -> Drawing:
    """Draw the layers as columns, each as high as the logarithm of its neurons."""
    sizes = network["sizes"]
    high, tall, wide = 168.0, 104.0, 16.0
    gap = (WIDE - 2 * 34 - wide) / max(1, len(sizes) - 1)
    most = math.log2(1 + max(sizes))
    heights = [max(7.0, tall * math.log2(1 + n) / most) for n in sizes]
    middle = 10 + tall / 2
    drawing = Drawing(WIDE, high, both("report.chain_alt", sizes=" → ".join(map(str, sizes))))
    xs = [34 + gap * place for place in range(len(sizes))]
    for k in range(1, len(sizes)):
        a, b = heights[k - 1] / 2, heights[k] / 2
        drawing.path(
            "fan",
            [
                (xs[k - 1] + wide, middle - a), (xs[k], middle - b),
                (xs[k], middle + b), (xs[k - 1] + wide, middle + a),
            ],
            closed=True,
        )  # fmt: skip
    for k, (x, n) in enumerate(zip(xs, sizes, strict=True)):
        drawing.add(
            "rect", "layer", x=x, y=middle - heights[k] / 2, width=wide, height=heights[k], rx=4
        )
        crowded = len(sizes) > 7
        if not crowded or k in (0, len(sizes) - 1) or k % 2 == 0:
            drawing.text(x + wide / 2, high - 32, f"{n:,}", "figure", "middle")
        if not crowded:
            name = network["layers"][k - 1]["activation"] if k else both("notebook.input")
            drawing.text(x + wide / 2, high - 13, name, "tick", "middle")
    return drawing


def importance(found: Finding, most: int = 20) -> Drawing:
    """Draw how much worse the network does without each column, with intervals."""
    features = found["features"][:most]
    in_percent = found["measure"] == "error rate"
    left = 16 + 7.5 * max(_width(shortened(one["name"], 20)) for one in features)
    left = min(left, 170.0)
    values = [one[key] for one in features for key in ("value", "low", "high")] + [0.0]
    axis = axis_over(values, left, WIDE - 66)
    high = 34 + _ROW * len(features)
    drawing = Drawing(WIDE, high, both("report.importance_alt"))
    _grid_down(drawing, axis, 6, high - 24, lambda v: _points(v) if in_percent else tick_label(v))
    drawing.line("zero", axis(0), 6, axis(0), high - 24)
    for place, one in enumerate(features):
        y = 19 + _ROW * place
        kind = "" if one["low"] > 0 else " faint"
        drawing.text(left - 10, y + 4.5, shortened(one["name"], 20), "name", "end")
        drawing.told(one["name"])
        start, end = sorted((axis(0), axis(one["value"])))
        drawing.add("rect", "bar" + kind, x=start, y=y - 6, width=end - start, height=12, rx=2)
        drawing.line("reach ink", axis(one["low"]), y, axis(one["high"]), y)
        said = signed(100 * one["value"]) if in_percent else signed(one["value"])
        drawing.text(WIDE - 4, y + 4.5, said, "figure", "end")
    return drawing


def _points(value: float) -> str:
    return tick_label(round(100 * value, 6))


def dependence(found: Finding, output: int, in_percent: bool) -> Drawing:
    """Draw the mean answer by the value of a column, its interval, and the middle 80 % of rows."""
    values = found["values"]
    mean, low, high_ = (found[name][output] for name in ("mean", "low", "high"))
    tenth, ninetieth = found["tenth"][output], found["ninetieth"][output]
    high, left, right = 216.0, 58.0, WIDE - 14
    up = axis_over([*tenth, *ninetieth, *low, *high_], high - 40, 10)
    if in_percent:
        up = Axis(max(0.0, up.low), min(1.0, up.high), up.start, up.end)
    title = both("report.dependence_alt", name=found["name"])
    drawing = Drawing(WIDE, high, title)
    fine = 0 if up.high - up.low > 0.04 else 1
    _grid_across(
        drawing, up, left, right, (lambda v: percent(v, fine)) if in_percent else tick_label
    )
    known = [k for k, value in enumerate(values) if value is not None]
    if found["kind"] in ("number", "input", "date") and len(known) > 1:
        if found["kind"] == "date":
            across = Axis(0.0, len(known) - 1.0, left + 8, right - 8)
            xs = [across(place) for place in range(len(known))]
            for place, at in ((0, "start"), (len(known) // 2, "middle"), (len(known) - 1, "end")):
                drawing.text(xs[place], high - 20, values[known[place]][:10], "tick", at)
        else:
            across = axis_over([float(values[k]) for k in known], left + 8, right - 8)
            xs = [across(float(values[k])) for k in known]
            for tick in across.ticks():
                drawing.text(across(tick), high - 20, tick_label(tick), "tick", "middle")
        _band(
            drawing, "spread", xs, [up(tenth[k]) for k in known], [up(ninetieth[k]) for k in known]
        )
        _band(drawing, "sure", xs, [up(low[k]) for k in known], [up(high_[k]) for k in known])
        drawing.path("line blue", [(x, up(mean[k])) for x, k in zip(xs, known, strict=True)])
        return drawing
    step = (right - left) / len(values)
    widest = max(3, int(step / 7.5))
    each = max(1, math.ceil(len(values) * 34 / (right - left)))
    for k, value in enumerate(values):
        x = left + step * (k + 0.5)
        drawing.line("spread", x, up(tenth[k]), x, up(ninetieth[k]))
        drawing.line("reach", x, up(low[k]), x, up(high_[k]))
        drawing.add("circle", "dot", cx=x, cy=up(mean[k]), r=4)
        called = level_name(value)
        drawing.told(called)
        if k % each == 0:
            cut = Words(*(shortened(one, max(widest, 5)) for one in (called.en, called.zh)))
            drawing.text(x, high - 20, cut, "tick", "middle")
    return drawing


def _band(
    drawing: Drawing, kind: str, xs: Sequence[float], low: Sequence[float], high: Sequence[float]
) -> None:
    there = list(zip(xs, high, strict=True))
    back = list(zip(xs, low, strict=True))[::-1]
    drawing.path(kind, [*there, *back], closed=True)


def level_name(value: Any) -> Words:
    """Return a value of a column as a reader says it."""
    if value is None:
        return both("report.missing")
    if isinstance(value, bool):
        return both("info.yes") if value else both("info.no")
    return same(number(value) if isinstance(value, (int, float)) else value)


def reliability(bins: Sequence[Finding]) -> Drawing:
    """Draw how often an answer was right by how confident it was, with intervals.

    Each bin has `confidence` (its mean), `right` (value, low, high) and `n`.
    """
    high = 330.0
    across, up = Axis(0, 1, 58, WIDE - 22), Axis(0, 1, high - 46, 10)
    drawing = Drawing(WIDE, high, both("report.reliability_alt"))
    _grid_across(drawing, up, 58, WIDE - 22, lambda v: percent(v, 0))
    _grid_down(drawing, across, 10, high - 46, lambda v: percent(v, 0))
    drawing.line("mean", across(0), up(0), across(1), up(1))
    most = max(one["n"] for one in bins)
    for one in bins:
        if not one["n"]:
            continue
        x, right = across(one["confidence"]), one["right"]
        drawing.line("reach", x, up(right["low"]), x, up(right["high"]))
        size = 2.5 + 5.5 * math.sqrt(one["n"] / most)
        drawing.add("circle", "dot", cx=x, cy=up(right["value"]), r=size)
        drawing.told(
            both(
                "report.bin_told",
                n=f"{one['n']:,}",
                confidence=percent(one["confidence"]),
                value=percent(right["value"]),
            )
        )
    drawing.text(WIDE - 14, high - 8, both("report.axis_confidence"), "axis", "end")
    drawing.text(8, high - 8, both("report.axis_right"), "axis")
    return drawing


def risk(found: Finding) -> Drawing:
    """Draw the share of wrong answers among those given, by how many are given."""
    high = 330.0
    pairs = [
        (share, wrong)
        for share, wrong in zip(found["coverage"], found["risk"], strict=True)
        if wrong is not None
    ]
    most = max(wrong for _, wrong in pairs) or 0.01
    across, up = Axis(0, 1, 58, WIDE - 22), Axis(0.0, most * 1.08, high - 46, 10)
    drawing = Drawing(WIDE, high, both("report.risk_alt"))
    _grid_across(drawing, up, 58, WIDE - 22, lambda v: percent(v, 0 if most > 0.04 else 1))
    _grid_down(drawing, across, 10, high - 46, lambda v: percent(v, 0))
    drawing.path("line blue", [(across(share), up(wrong)) for share, wrong in pairs])
    last = pairs[-1]
    drawing.add("circle", "end blue", cx=across(last[0]), cy=up(last[1]), r=3.5)
    drawing.text(WIDE - 14, high - 8, both("report.axis_answered"), "axis", "end")
    drawing.text(8, high - 8, both("report.axis_wrong"), "axis")
    return drawing


def by_class_bars(means: Sequence[float | None], names: Sequence[str]) -> Drawing:
    """Draw how active a neuron is on average for each class, from its least to its most."""
    known = [one for one in means if one is not None]
    wide, high = 190.0, 62.0
    step = wide / len(names)
    drawing = Drawing(wide, high, both("report.bars_alt"))
    up = Axis(min(0.0, *known), max(*known, 0.0), high - 17, 3)
    drawing.line("zero", 0, up(0), wide, up(0))
    for place, (name, mean) in enumerate(zip(names, means, strict=True)):
        x = step * (place + 0.5)
        if mean is not None:
            top, bottom = sorted((up(mean), up(0)))
            kind = "bar" if mean >= 0 else "bar minus"
            drawing.add("rect", kind, x=x - 6.5, y=top, width=13.0, height=max(bottom - top, 0.6))
            drawing.told(same(f"{name}: {number(mean, 3)}"))
        drawing.text(x, high - 3, shortened(name, max(1, int(step / 7.5) - 1)), "tick", "middle")
    return drawing


def _width(text: str) -> int:
    return sum(2 if ord(one) >= 0x2E80 else 1 for one in text)
