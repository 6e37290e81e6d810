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
from benchmarks.accuracy import ASKED, accuracy
from benchmarks.contestants import LESSON_ENTRIES, WIDE_ENTRIES
from benchmarks.explanations import explanations
from benchmarks.honesty import honesty
from benchmarks.lab import lab, lab_targets, show_lab
from benchmarks.machine import describe, processor
from benchmarks.measure import ROOT, Patience
from benchmarks.settings import BATCHES
from benchmarks.soak import soak
from benchmarks.tasks import WIDE
from benchmarks.wide import wide

PARTS = {
    "training": (suite.training, table.show_training),
    "inference": (suite.inference, table.show_inference),
    "from_start": (suite.from_start, table.show_from_start),
    "wide": (wide, table.show_wide),
    "accuracy": (accuracy, table.show_accuracy),
    "explanations": (explanations, table.show_explanations),
    "honesty": (honesty, table.show_honesty),
    "lab": (lab, show_lab),
    "soak": (soak, table.show_soak),
}
USUAL = [part for part in PARTS if part != "soak"]
ENTRIES = LESSON_ENTRIES | WIDE_ENTRIES


def part(name: str) -> str:
    """A name of PARTS: argparse's own choices do not go with no name at all."""
    if name not in PARTS:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(PARTS)}")
    return name


def options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", type=part, metavar="PART", help=f"{', '.join(PARTS)}; all but soak"
    )
    parser.add_argument("--skip", nargs="+", choices=PARTS, default=[], help="parts to leave out")
    parser.add_argument("--quick", action="store_true", help="fewer sizes, rounds, recipes, seeds")
    parser.add_argument("--batches", type=int, nargs="+", choices=BATCHES, metavar="N")
    parser.add_argument("--tasks", nargs="+", choices=WIDE, help="of part wide")
    parser.add_argument("--recipes", nargs="+", choices=ASKED, help="of part accuracy")
    parser.add_argument("--seeds", type=int, nargs="+", metavar="N", help="of the recipes")
    parser.add_argument("--minutes", type=float, default=3, help="of part soak")
    parser.add_argument("--contestants", nargs="+", choices=ENTRIES, default=list(ENTRIES))
    parser.add_argument("--rounds", type=int, help="turns of each contestant")
    parser.add_argument(
        "--patience", type=float, default=60, help="seconds that repeating disturbed turns may take"
    )
    parser.add_argument(
        "--output", type=Path, default=ROOT / "benchmarks" / "results" / "latest.json"
    )
    return parser.parse_args()


def plan_of(chosen: argparse.Namespace) -> suite.Plan:
    """How much to measure, without what this processor cannot run."""
    flags, quick = processor()["flags"], chosen.quick
    n_rounds = chosen.rounds or (2 if quick else 6)
    return suite.Plan(
        batches=chosen.batches or ((1, 32) if quick else BATCHES),
        tasks=chosen.tasks or (("lesson-adam", "quick-256") if quick else list(WIDE)),
        recipes=chosen.recipes or (("lesson", "quick") if quick else list(ASKED)),
        seeds=chosen.seeds or range(2 if quick else 5),
        minutes=chosen.minutes,
        names=[name for name in chosen.contestants if ENTRIES[name].needs in ("", *flags)],
        n_rounds=n_rounds,
        n_slow=min(n_rounds, 1 if quick else 2),
        turn_s=0.4 if quick else 0.6,
        n_starts=1 if quick else 5,
    )


def main() -> int:
    """Measure, print, save; 1 when the contestants did not compute the same, or a case is wrong."""
    chosen = options()
    start = time.perf_counter()
    to, progress = table.console(), Console(stderr=True)
    found: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe(),
        "quick": chosen.quick,
    } | {part: [] for part in PARTS}
    table.show_machine(to, found["machine"])
    patience = Patience(chosen.patience)
    plan = plan_of(chosen)
    for name, (measure, show) in PARTS.items():
        if name in chosen.skip or name not in (chosen.parts or USUAL):
            continue
        with progress.status("") as status:
            found[name] = measure(plan, patience, status.update)
        if found[name]:
            show(to, found[name])
        judge(found)
        found["wall_s"] = round(time.perf_counter() - start, 1)
        save(chosen.output, found)  # after each part: what ends the run later loses no figure

    for key, show_all in (
        ("agreement", table.show_agreement),
        ("targets", table.show_targets),
        ("failures", table.show_failures),
    ):
        if found.get(key):
            show_all(to, found[key])
    disturbed = sum(row.get("disturbed", False) for name in PARTS for row in found[name])
    table.show_end(to, disturbed, str(chosen.output), found.get("wall_s", 0))
    return 1 if found.get("failures") else 0


def judge(found: dict[str, Any]) -> None:
    """Put beside the figures whether they are right and whether they suffice."""
    found["agreement"] = verdicts.agreement(found["training"])
    found["targets"] = [
        *verdicts.targets(found["training"], found["inference"], found["from_start"]),
        *verdicts.wide_targets(found["wide"]),
        *verdicts.accuracy_targets(found["accuracy"]),
        *verdicts.explanation_targets(found["explanations"]),
        *verdicts.honesty_targets(found["honesty"]),
        *lab_targets(found["lab"]),
    ]
    found["failures"] = verdicts.failures(found)


def save(path: Path, found: dict[str, Any]) -> None:
    """Write all figures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
