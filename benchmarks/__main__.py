"""Measure Tongtou beside its peers and beside the machine's limit, print tables, save JSON."""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import suite, table, verdicts
from benchmarks.contestants import ENTRIES
from benchmarks.machine import describe, processor
from benchmarks.measure import ROOT, Patience
from benchmarks.settings import BATCHES

PARTS = {
    "training": suite.training,
    "inference": suite.inference,
    "from_start": suite.from_start,
}


def options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="batch 1 and 32, fewer rounds")
    parser.add_argument("--batches", type=int, nargs="+", choices=BATCHES, metavar="N")
    parser.add_argument("--contestants", nargs="+", choices=ENTRIES, default=list(ENTRIES))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument(
        "--patience", type=float, default=60, help="seconds that repeating disturbed turns may take"
    )
    parser.add_argument(
        "--output", type=Path, default=ROOT / "benchmarks" / "results" / "latest.json"
    )
    return parser.parse_args()


def plan_of(chosen: argparse.Namespace) -> suite.Plan:
    """How much to measure, without what this processor cannot run."""
    flags = processor()["flags"]
    names = [name for name in chosen.contestants if ENTRIES[name].needs in ("", *flags)]
    if chosen.quick:
        return suite.Plan(chosen.batches or (1, 32), names, 2, 1, 0.4, 1)
    return suite.Plan(chosen.batches or BATCHES, names, 6, 2, 0.6, 5)


def main() -> int:
    """Measure, print, save; 1 when the contestants did not compute the same."""
    chosen = options()
    start = time.perf_counter()
    to, progress = table.console(), Console(stderr=True)
    found: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe(),
        "quick": chosen.quick,
    }
    table.show_machine(to, found["machine"])
    patience = Patience(chosen.patience)
    plan = plan_of(chosen)
    with progress.status("") as status:
        for part, measured in PARTS.items():
            found[part] = measured(plan, patience, status.update) if part in chosen.parts else []
    found["agreement"] = verdicts.agreement(found["training"])
    found["targets"] = verdicts.targets(*(found[part] for part in PARTS))
    found["wall_s"] = round(time.perf_counter() - start, 1)

    table.show_training(to, found["training"])
    for key, show in (
        ("inference", table.show_inference),
        ("from_start", table.show_from_start),
        ("agreement", table.show_agreement),
        ("targets", table.show_targets),
    ):
        if found[key]:
            show(to, found[key])
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    disturbed = sum(row["disturbed"] for part in PARTS for row in found[part])
    table.show_end(to, disturbed, str(chosen.output), found["wall_s"])
    return 0 if all(row["agrees"] for row in found["agreement"]) else 1


if __name__ == "__main__":
    sys.exit(main())
