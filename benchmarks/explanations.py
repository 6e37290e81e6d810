"""How long explanations take: the lesson's network, from Python, one process, one digit a call."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import tongtou as tt
from benchmarks.measure import Patience, spread
from benchmarks.suite import Plan, Rows

N_DIGITS = 200
"""Test digits that take turns, so that no time is that of one digit alone."""
ETA = 1.5

METHODS = ("gradient", "gradient_x_input", "occlusion", "integrated")

ASKED = {
    "trace": ("full trace of a digit", 0.5e-3),
    "why": ("why this and not that, opened to the pixels", 3e-3),
    "stroke": ("one stroke that turns the answer", 50e-3),
    "flip": ("smallest change that turns the answer", None),
    "backprop": ("backpropagation of one example, with the update", 1e-3),
    "provenance": ("provenance of one parameter over 60,000 examples", 0.2),
    **{f"attribution-{one}": (f"attribution: {one}", None) for one in METHODS},
}
"""What each is called, and the seconds that it is to take at most."""


class Asker:
    """The network, the digits, and one question a method."""

    def __init__(self) -> None:
        mnist = tt.datasets.mnist()
        self.train, self.net = mnist.train, tt.Network([784, 16, 16, 10], seed=0)
        tt.fit(
            self.net,
            mnist.train,
            optimizer=tt.SGD(ETA),
            epochs=10,
            validation=5000,
            threads=1,
            progress=False,
        )
        few = mnist.test[:N_DIGITS]
        self.pictures, self.classes = few.X.reshape(-1, 28, 28), few.y
        self.explained = [tt.explain(self.net, one) for one in self.pictures]
        random = np.random.default_rng(0)
        self.parameters = [(int(j), int(i)) for j, i in random.integers(0, (16, 784), (20, 2))]

    def trace(self, k: int) -> Any:
        """Every term of every neuron, sorted."""
        e = tt.explain(self.net, self.pictures[k])
        return [e.terms(layer) for layer in range(1, e.n_layers + 1)]

    def why(self, k: int) -> Any:
        """The answer over the runner-up, every block opened to the pixels."""
        found = self.explained[k].why()
        return found.net, found.inputs.net, [one.inputs for one in found.blocks]

    def stroke(self, k: int) -> Any:
        """Any other answer."""
        return self.explained[k].stroke()

    def flip(self, k: int) -> Any:
        """Any other answer."""
        return self.explained[k].flip()

    def backprop(self, k: int) -> Any:
        """Forward, loss, deltas, gradients; the loss predicted after the step and that found."""
        walk = tt.backprop(self.net, self.pictures[k], int(self.classes[k]), eta=ETA)
        return walk.dW, walk.db, walk.predicted_loss, walk.found_loss

    def provenance(self, k: int) -> Any:
        """A weight of the first layer, over all training digits."""
        index = self.parameters[k % len(self.parameters)]
        return tt.explanation.provenance(self.net, self.train, 1, "W", index)

    def question(self, name: str) -> Callable[[int], Any]:
        """Return what is to be asked of digit k."""
        if name.startswith("attribution-"):
            method = name.removeprefix("attribution-")
            return lambda k: self.explained[k].attribution(method)
        asked: Callable[[int], Any] = getattr(self, name)
        return asked


def explanations(plan: Plan, patience: Patience, say: Callable[[str], None]) -> Rows:
    """Seconds of each question, medians over digits and turns."""
    say("explanations: the network learns")
    asker = Asker()
    rows: Rows = []
    for name, (title, asked_s) in ASKED.items():
        say(f"explanations: {name}")
        question = asker.question(name)
        question(0)  # what is prepared once is not counted
        turns = [
            patience.take_quiet(lambda question=question: turn(question, plan.turn_s))
            for _ in range(plan.n_rounds)
        ]
        rows.append(row(name, title, asked_s, turns))
    return rows


def turn(question: Callable[[int], Any], least_s: float) -> dict[str, Any]:
    """Ask for one digit after the other until it has lasted long enough; seconds of each call."""
    times: list[float] = []
    started = time.perf_counter()
    while time.perf_counter() - started < least_s or len(times) < 3:
        before = time.perf_counter()
        question(len(times) % N_DIGITS)
        times.append(time.perf_counter() - before)
    # the work is this process's own, which the watch takes for nobody else's
    return {"times": times, "processor_s": 0.0}


def row(
    name: str, title: str, asked_s: float | None, turns: list[dict[str, Any]]
) -> dict[str, Any]:
    """The row of one question, of undisturbed turns where there are any."""
    quiet = [one for one in turns if not one["disturbed"]] or turns
    return {
        "name": name,
        "title": title,
        "asked_s": asked_s,
        "call": spread([seconds for one in quiet for seconds in one["times"]]),
        "turn_medians_s": [statistics.median(one["times"]) for one in quiet],
        "disturbed": all(one["disturbed"] for one in turns),
        "others_cores": max(one["others_cores"] for one in quiet),
        "n_turns": len(quiet),
    }
