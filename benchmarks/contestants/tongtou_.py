"""Tongtou: the one file of the benchmark that knows its interface."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import tongtou as tt
from benchmarks.data import Array, Data, Parameters, saturate
from benchmarks.settings import SATURATED_MEDIAN, SEED
from benchmarks.tasks import BETA1, BETA2, EPSILON, Task
from tongtou import evaluation


def network(task: Task, parameters: Parameters) -> Any:
    """The network of a task with these parameters."""
    net = tt.Network(
        list(task.sizes),
        activation=task.activation,
        output="softmax",
        loss="cross_entropy",
        seed=SEED,
    )
    for layer, (W, b) in zip(net.layers, parameters, strict=True):
        layer.W[...] = W
        layer.b[...] = b
    return net


def optimizer(task: Task) -> Any:
    """The rule of a task."""
    if task.rule == "adam":
        return tt.Adam(task.learning_rate, beta1=BETA1, beta2=BETA2, epsilon=EPSILON)
    return tt.SGD(learning_rate=task.learning_rate)


class Tongtou:
    """Pixels stay uint8; an epoch's seconds are those its History states, packing apart."""

    def __init__(self, data: Data, task: Task, threads: int) -> None:
        self.data, self.task, self.threads = data, task, threads
        self.facts: dict[str, Any] = {
            "tongtou": tt.__version__,
            "threads": threads,
            "kernel": evaluation.kernel_name(),
        }
        self.net: Any = None

    def prepare(self) -> None:
        """Read the data: `fit` packs digits itself and says how long that took."""
        self.X, self.y = self.data.X, self.data.y

    def train(self, first: Parameters, n_epochs: int, n: int) -> list[float]:
        """Train from these parameters; return the seconds of each epoch."""
        self.net = network(self.task, first)
        self.net.input_shape = self.data.shape
        start = time.perf_counter()
        history = tt.fit(
            self.net,
            (self.X[:n], self.y[:n]),
            optimizer=optimizer(self.task),
            batch_size=self.task.batch,
            epochs=n_epochs,
            threads=self.threads,
            progress=False,
            seed=SEED,
            augmentation=self.augmentation(),
        )
        seconds = [epoch.seconds for epoch in history.epochs]
        self.facts["prepare_s"] = history.prepare_s
        self.facts["outside_epochs_s"] = time.perf_counter() - start - sum(seconds)
        self.facts["threads"] = history.threads  # with two offered the loop may find one faster
        return seconds

    def augmentation(self) -> Any:
        """How pictures are altered while training."""
        return None

    def parameters(self) -> Parameters:
        """What was learnt, W as (n_out, n_in)."""
        return [(layer.W, layer.b) for layer in self.net.layers]

    def predictor(self, parameters: Parameters, X: Array) -> Callable[[], object]:
        """Confidences from uint8 rows."""
        net = network(self.task, parameters)
        return lambda: net.predict_proba(X)


class Saturated(Tongtou):
    """The same training from weights so large that every sigmoid is saturated."""

    def train(self, first: Parameters, n_epochs: int, n: int) -> list[float]:
        """Train from the enlarged parameters; return the seconds of each epoch."""
        return super().train(saturate(first, self.X[:1000], SATURATED_MEDIAN), n_epochs, n)


class Augmented(Tongtou):
    """The same training on digits moved, turned, scaled and sheared anew, as recipe `best` does."""

    def augmentation(self) -> Any:
        """As the recipe has it, which is imported for this alone."""
        from tongtou.recipes import recipe

        return recipe("best").augmentation
