"""Runs with settings drawn at random: no NaN, no bit that threads or a kill would change.

Every case is a function of its number: python -m benchmarks.soak --case 17
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from scipy import sparse

import tongtou as tt
from benchmarks.data import Array, Digits
from benchmarks.measure import ROOT, Patience
from benchmarks.suite import Plan, Rows
from tongtou import training
from tongtou.augmentation import Augmentation
from tongtou.checkpoints import Checkpoints
from tongtou.errors import DivergedError
from tongtou.optimizers import SGD, Adam, AdamW, GradientDescent, Optimizer, RMSprop
from tongtou.regularizers import Regularization
from tongtou.schedules import SCHEDULES

THREADS = (1, 2, 3, 5)
_EVERY_KILL = 4
"""Every so-manieth case is also killed and resumed."""

Draw = np.random.Generator


@dataclass(frozen=True)
class Case:
    """One run: the network's arguments, the data, and what `fit` is told."""

    number: int
    sizes: list[int]
    network: dict[str, Any]
    data: tuple[Any, Array]
    shape: tuple[int, ...]
    settings: dict[str, Any]

    def __str__(self) -> str:
        X = self.data[0]
        told = {k: v for k, v in self.settings.items() if k != "sample_weight"}
        kind = f"{type(X).__name__} {X.dtype} {X.shape}"
        return f"case {self.number}: {self.sizes}, {self.network}, {kind}, {told}"


def case_of(number: int) -> Case:
    """Draw a case."""
    draw = np.random.default_rng(number)
    X, y, shape = _data(draw)
    hidden = [int(draw.choice((1, 3, 16, 17, 64, 100, 129))) for _ in range(draw.integers(0, 4))]
    output, loss = _pick(
        draw,
        ("softmax", "cross_entropy"),
        ("sigmoid", "sse"),
        ("sigmoid", "half_sse"),
        ("linear", "mse"),
        ("linear", "huber"),
        ("tanh", "mse"),
        ("sigmoid", "binary_cross_entropy"),
        ("exp", "poisson"),
    )
    network = {
        "activation": [_pick(draw, "sigmoid", "tanh", "relu", "leaky_relu", "gelu") for _ in hidden]
        or "relu",
        "output": output,
        "loss": loss,
        "dtype": _pick(draw, "float32", "float32", "float64"),
        "seed": number,
    }
    n_out = int(draw.integers(2, 12))
    sizes, y = [X.shape[1], *hidden, n_out], y % n_out
    settings: dict[str, Any] = {
        "optimizer": _optimizer(draw),
        "batch_size": int(_pick(draw, 1, 7, 32, 64, 100, 256, 5000)),
        "epochs": int(draw.integers(1, 6)),
        "validation": _pick(draw, None, 20),
        "regularization": _regularization(draw, len(hidden), sparse.issparse(X)),
        "seed": number,
    }
    if draw.random() < 0.3:
        settings["sample_weight"] = draw.integers(0, 4, X.shape[0]).astype(float)
    if shape and draw.random() < 0.5:
        settings["augmentation"] = Augmentation(shift=2, rotation=10, scale=0.1, shear=10)
    return Case(number, sizes, network, (X, y), shape, settings)


def _pick(draw: Draw, *choices: Any) -> Any:
    return choices[draw.integers(len(choices))]


def _data(draw: Draw) -> tuple[Any, Array, tuple[int, ...]]:
    kind = _pick(draw, "digits", "pixels", "numbers", "csr")
    n = int(draw.integers(40, 700))
    if kind == "digits":
        digits, first = Digits(), int(draw.integers(0, 50_000))
        return digits.X[first : first + n], digits.y[first : first + n], digits.shape
    n_in = int(_pick(draw, 1, 5, 50, 200, 333))
    y = draw.integers(0, 12, n)
    if kind == "numbers":
        X = (draw.standard_normal((n, n_in)) * _pick(draw, 0.01, 1, 10)).astype(np.float32)
        return X, y, ()
    pixels = draw.integers(1, 256, (n, n_in), np.uint8) * (draw.random((n, n_in)) < 0.2)
    if kind == "csr":
        return sparse.csr_matrix(pixels / np.float32(255)), y, ()
    return pixels, y, ()


def _optimizer(draw: Draw) -> Optimizer:
    rate = float(10 ** draw.uniform(-4, 0.5))
    schedule = _pick(draw, None, *SCHEDULES.values())
    told = {
        "learning_rate": rate if schedule is None else schedule(rate),
        "clip_norm": _pick(draw, None, None, 1.0),
        "clip_value": _pick(draw, None, None, 0.1),
    }
    return _pick(
        draw,
        lambda: GradientDescent(**told),
        lambda: SGD(**told),
        lambda: SGD(momentum=0.9, nesterov=True, velocity="step", **told),
        lambda: RMSprop(momentum=0.5, epsilon_placement="inside", **told),
        lambda: Adam(epsilon_placement=_pick(draw, "outside", "uncorrected", "inside"), **told),
        lambda: AdamW(weight_decay=0.1, coupling="schedule", **told),
    )()


def _regularization(draw: Draw, n_hidden: int, is_sparse: bool) -> Regularization:
    of_input = 0.0 if is_sparse else 0.1  # disturbing it would fill a sparse matrix
    return Regularization(
        l1=_pick(draw, 0.0, 0.0, 1e-4),
        l2=_pick(draw, 0.0, 0.0, 1e-3),
        dropout=_pick(draw, 0.0, 0.0, 0.3, (of_input,) + n_hidden * (0.5,)),
        input_noise=_pick(draw, 0.0, 0.0, of_input),
    )


class Restless:
    """A pace that changes slices and threads from one slice to the next."""

    def __init__(self, draw: Draw, threads: tuple[int, ...]) -> None:
        self.draw, self.threads, self.last = draw, threads, 1

    def next_slice(self) -> tuple[int, int]:
        """As `Pace.next_slice`."""
        return int(self.draw.integers(1, 40)), int(_pick(self.draw, *self.threads))

    def record(self, n_steps: int, threads: int, seconds: float) -> None:
        """As `Pace.record`."""
        self.last = threads


def outcome(
    case: Case, threads: tuple[int, ...], path: Path | None = None, slow_s: float = 0.0
) -> tuple[str, str]:
    """Train: what went wrong in itself, and a digest of the parameters and of where it ended."""
    net = tt.Network(case.sizes, **case.network)
    net.input_shape = case.shape
    told = dict(case.settings)
    if path is not None:
        told |= {"checkpoint": Checkpoints(path, every_s=None, every_steps=3), "resume": True}
    if slow_s:
        told["callback"] = lambda _: time.sleep(slow_s)
    draw, ended = np.random.default_rng(threads), "epochs"
    with patch.object(training, "Pace", lambda most: Restless(draw, threads)):
        try:
            history = tt.fit(net, case.data, progress=False, **told)
        except DivergedError as error:
            ended, history = f"diverged at step {error.step}", error.history
    numbers = [array for layer in net.layers for array in (layer.W, layer.b)]
    wrong = ""
    if not all(np.isfinite(array).all() for array in numbers):
        wrong = "parameters that are not finite"
    elif not np.isfinite(history.column("loss")).all():
        wrong = "a loss that is not finite and did not end the run"
    bits = b"".join(array.tobytes() for array in numbers)
    return wrong, f"{ended}, {history.n_steps} steps, {hashlib.sha256(bits).hexdigest()[:16]}"


def faults(number: int, kill: bool) -> list[str]:
    """What is wrong with a case; nothing, if all is well."""
    try:
        return list(_faults(case_of(number), kill))
    except Exception as error:  # whatever it is, it is what the soak is looking for
        return [f"{type(error).__name__}: {error}"]


def _faults(case: Case, kill: bool) -> Iterator[str]:
    wrong, expected = outcome(case, (1,))
    if wrong:
        yield wrong
    for threads in ((2,), THREADS):
        wrong, found = outcome(case, threads)
        if wrong:
            yield f"{wrong} with threads {threads}"
        if found != expected:
            yield f"threads {threads}: {found}; one thread: {expected}"
    if kill and not expected.startswith("diverged"):
        found = killed(case)
        if found != expected:
            yield f"killed and resumed: {found}; in one go: {expected}"


def killed(case: Case) -> str:
    """Kill the run at a random moment and resume it here, with other threads."""
    draw = np.random.default_rng(case.number)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.checkpoint"
        command = [sys.executable, "-m", "benchmarks.soak", "--case", str(case.number)]
        child = subprocess.Popen([*command, "--checkpoint", str(path)], cwd=ROOT)
        while child.poll() is None and not path.exists():
            time.sleep(0.005)
        time.sleep(float(draw.uniform(0, 0.3)))
        child.send_signal(signal.SIGKILL)
        child.wait()
        return outcome(case, THREADS, path)[1]


class Looker:
    """A process that looks at one case after the other, and may die of one."""

    def __init__(self, first: int) -> None:
        command = [sys.executable, "-m", "benchmarks.soak", "--case", str(first), "--on"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def next_faults(self) -> list[str] | None:
        """What is wrong with the next case; None where the process has died."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def end(self) -> int:
        """Let it end; how it did."""
        with suppress(BrokenPipeError):
            self.process.communicate()
        return self.process.wait()


def soak(plan: Plan, patience: Patience, say: Callable[[str], None]) -> Rows:
    """Look at cases for so many minutes; a row for each that is wrong, and one for the whole."""
    first = number = plan.seeds[0]
    until, rows = time.perf_counter() + 60 * plan.minutes, Rows()
    looker = Looker(first)
    while number == first or time.perf_counter() < until:
        wrong = looker.next_faults()
        if wrong is None:
            wrong = [f"the process ended with {looker.end()}"]
            looker = Looker(number + 1)
        if wrong:
            rows.append({"case": number, "settings": str(case_of(number)), "faults": wrong})
        number += 1
        say(f"soak: {number - first} cases, {len(rows)} wrong")
    looker.end()
    return [*rows, {"cases": number - first, "wrong": len(rows), "first": first}]


def main() -> int:
    """Look at one case, or from one on; with --checkpoint only train it, to be killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", type=int, required=True)
    parser.add_argument("--on", action="store_true", help="one more for each line that comes in")
    parser.add_argument("--checkpoint", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # numbers that overflow on the way to a divergence
    if options.checkpoint:
        outcome(case_of(options.case), THREADS, options.checkpoint, slow_s=0.05)
        return 0
    if options.on:
        for number, _ in zip(itertools.count(options.case), sys.stdin, strict=False):
            print(json.dumps(faults(number, kill=number % _EVERY_KILL == 0)), flush=True)
        return 0
    print(case_of(options.case))
    wrong = faults(options.case, kill=True)
    print("\n".join(wrong) or "nothing wrong")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
