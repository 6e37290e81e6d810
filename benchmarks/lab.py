"""The lab's page in Chromium: size, first drawing, strokes, training, TensorFlow.js beside it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.measure import ROOT, Patience
from benchmarks.suite import Plan, Rows
from benchmarks.table import table
from benchmarks.verdicts import Figures

# What, where it stands in the script's answer, the bound, whether it is the least.
ASKED: tuple[tuple[str, tuple[str, ...], float, bool], ...] = (
    ("page without data and fonts, gzip kB", ("size", "page_gzip_bytes"), 350_000, False),
    ("first drawing possible, ms", ("open", "ms", "median"), 1000, False),
    (
        "stroke to repainted network, 95th percentile, ms",
        ("stroke", "empty_board", "ms", "p95"),
        16,
        False,
    ),
    (
        "the same on a stored digit, ms",
        ("stroke", "stored_digit", "ms", "p95"),
        16,
        False,
    ),
    ("epoch in the tab, batch 32, s", ("epoch", "s", "median"), 0.10, False),
    ("times TensorFlow.js", ("times_tfjs",), 10, True),
    ("frames at full speed, 95th percentile, ms", ("frames", "ms", "p95"), 50, False),
)


def lab(plan: Plan, patience: Patience, say: Callable[[str], None]) -> Rows:
    """Run benchmarks/lab.mjs; no row, and a line that says so, where it cannot run."""
    browser = (
        os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    )
    missing = [
        name
        for name, there in (
            ("Node.js", shutil.which("node")),
            ("Chromium", browser),
            ("the built page, lab/dist", (ROOT / "lab" / "dist" / "index.html").is_file()),
        )
        if not there
    ]
    if missing:
        print(f"lab: not measured without {' and '.join(missing)}", file=sys.stderr)
        return []
    say("lab: the page in Chromium, then TensorFlow.js")
    tongtou = Path(sys.executable).with_name("tongtou")
    here = os.environ | {"CHROMIUM": str(browser), "TONGTOU": str(tongtou)}
    ran = subprocess.run(
        ["node", str(ROOT / "benchmarks" / "lab.mjs")],
        env=here,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [json.loads(ran.stdout)]


def found_at(row: dict[str, Any], path: tuple[str, ...]) -> float | None:
    """The number that stands there, None where a part was not measured."""
    here: Any = row
    for name in path:
        here = here.get(name) if isinstance(here, dict) else None
    return here


def scaled(what: str, value: float) -> float:
    """Bytes in the unit of their line."""
    return value / 1000 if what.endswith("kB") else value


def lab_targets(rows: Rows) -> Rows:
    """What the page is to keep to."""
    figures = Figures()
    for row in rows:
        for what, path, bound, at_least in ASKED:
            value = found_at(row, path)
            if value is not None:
                figures.hold(
                    f"lab: {what}", scaled(what, value), scaled(what, bound), at_least=at_least
                )
    return figures.found


def show_lab(to: Console, rows: Rows) -> None:
    """What was measured in the browser."""
    for row in rows:
        title = f"The lab in Chromium {row['machine']['browser']}, network {row['network']}"
        drawn = table(to, title, "", "found")
        for what, path, _, _ in ASKED:
            value = found_at(row, path)
            if value is not None:
                drawn.add_row(what, f"{scaled(what, value):.4g}")
        for name, one in row.get("tfjs", {}).get("backends", {}).items():
            said = f"{one['epoch_s']:.3g} s" if "epoch_s" in one else one["failed"]
            drawn.add_row(f"TensorFlow.js, {name}: the same epoch", said)
        to.print(drawn)
