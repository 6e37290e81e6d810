"""Processes under measurement, taken in turns on a machine that is watched for other work."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.settings import QUIET_CORES

ROOT = Path(__file__).parent.parent
_TICKS = os.sysconf("SC_CLK_TCK")
_ATTEMPTS = 4
"""How often one turn is taken at most before it counts as disturbed."""
_SLOW_S = 3.0
"""Contestants whose turn takes longer than this take only the first turns."""


def busy_s() -> float:
    """Seconds all processors have been at work since the machine started.

    Time that a hypervisor gave to somebody else (steal) counts: it disturbs like any other work.
    Time a neighbour spends on the other thread of the same core is seen by nobody inside.
    """
    user, nice, system, _, _, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / _TICKS


class Watch:
    """How many cores others keep busy, from when it is made until it is asked."""

    def __init__(self) -> None:
        self.wall, self.busy, self.own = time.perf_counter(), busy_s(), time.process_time()

    def others_cores(self, watched_s: float) -> float:
        """Cores used by neither this process nor the one that took `watched_s` of processor."""
        others = busy_s() - self.busy - watched_s - (time.process_time() - self.own)
        return max(0.0, others) / (time.perf_counter() - self.wall)


@dataclass
class Patience:
    """Seconds that may yet be spent on repeating disturbed turns."""

    left_s: float

    def take_quiet(self, turn: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Take a turn, again while others disturb it; else the least disturbed, marked as such.

        The turn says under "processor_s" how much processor time was its own.
        """
        best: dict[str, Any] = {}
        for attempt in range(_ATTEMPTS):
            start, watch = time.perf_counter(), Watch()
            taken = turn()
            taken["others_cores"] = round(watch.others_cores(taken["processor_s"]), 3)
            if not best or taken["others_cores"] < best["others_cores"]:
                best = taken
            best["disturbed"] = best["others_cores"] > QUIET_CORES
            best["n_attempts"] = attempt + 1
            if not best["disturbed"] or self.left_s <= 0:
                break
            time.sleep(0.2)
            self.left_s -= time.perf_counter() - start
        return best


class CellError(RuntimeError):
    """A process under measurement ended before its time."""


class Cell:
    """A `benchmarks.cell` process that waits for its turns."""

    def __init__(self, name: str, *options: str) -> None:
        self.name = name
        self.turns: list[dict[str, Any]] = []
        command = [sys.executable, "-m", "benchmarks.cell", "--contestant", name, *options]
        # A number of threads that happens to be set in the shell must not bind the peers.
        environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.ready = self._answer()
        self.facts: dict[str, Any] = self.ready["facts"]

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise CellError(f"the process of {self.name} ended: its error stands above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def turn(self) -> dict[str, Any]:
        """Let it take one turn and return what it says."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer = self._answer()
        self.facts |= answer.pop("facts", {})  # some are known only after training
        return answer

    def close(self) -> None:
        """End it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def take_turns(
    cells: Sequence[Cell], n_rounds: int, n_slow: int, patience: Patience, say: Callable[..., None]
) -> None:
    """Every cell once a round, so that drift of the machine meets all alike; then end them."""
    for nth in range(n_rounds):
        for cell in cells:
            if len(cell.turns) >= n_slow and cell.turns[0]["wall_s"] > _SLOW_S:
                continue
            say(f"round {nth + 1} of {n_rounds}: {cell.name}")
            cell.turns.append(patience.take_quiet(cell.turn))
    for cell in cells:
        cell.close()


def run_process(command: Sequence[str]) -> dict[str, Any]:
    """Run a whole process; its last line of JSON, with the wall time seen from outside."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    with process.stdout:
        output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}; see above")
    report: dict[str, Any] = json.loads(output.splitlines()[-1])
    return report | {"wall_s": wall_s, "processor_s": usage.ru_utime + usage.ru_stime}


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Median, quartiles, extremes and number of some times."""
    quartiles = statistics.quantiles(seconds, n=4) if len(seconds) > 1 else [seconds[0]] * 3
    return {
        "median_s": statistics.median(seconds),
        "lower_quartile_s": quartiles[0],
        "upper_quartile_s": quartiles[2],
        "min_s": min(seconds),
        "max_s": max(seconds),
        "n": len(seconds),
    }
