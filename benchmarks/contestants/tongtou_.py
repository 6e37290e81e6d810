"""Tongtou: the one file of the benchmark that knows its interface."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import tongtou as tt
from benchmarks.digits import Array, Digits, Parameters, saturate
from benchmarks.settings import SATURATED_MEDIAN, SEED, SIZES
from tongtou import evaluation


def network(parameters: Parameters) -> Any:
    """The network of the benchmark with these parameters."""
    net = tt.Network(
        list(SIZES), activation="sigmoid", output="softmax", loss="cross_entropy", seed=SEED
    )
    for layer, (W, b) in zip(net.layers, parameters, strict=True):
        layer.W[...] = W
        layer.b[...] = b
    return net


class Tongtou:
    """Pixels stay uint8; an epoch's seconds are those its History states, packing apart."""

    def __init__(self, digits: Digits, batch: int, learning_rate: float, threads: int) -> None:
        self.digits, self.batch, self.learning_rate = digits, batch, learning_rate
        self.threads = threads
        self.facts: dict[str, Any] = {
            "tongtou": tt.__version__,
            "threads": threads,
            "kernel": evaluation.kernel_name(),
        }
        self.net: Any = None

    def prepare(self) -> None:
        """Read the digits: `fit` packs them itself and says how long that took."""
        self.X, self.y = self.digits.X, self.digits.y

    def train(self, first: Parameters, n_epochs: int) -> list[float]:
        """Train from these parameters; return the seconds of each epoch."""
        self.net = network(first)
        start = time.perf_counter()
        history = tt.fit(
            self.net,
            (self.X, self.y),
            optimizer=tt.SGD(learning_rate=self.learning_rate),
            batch_size=self.batch,
            epochs=n_epochs,
            threads=self.threads,
            progress=False,
            seed=SEED,
        )
        seconds = [epoch.seconds for epoch in history.epochs]
        self.facts["prepare_s"] = history.prepare_s
        self.facts["outside_epochs_s"] = time.perf_counter() - start - sum(seconds)
        self.facts["threads"] = history.threads  # with two offered the loop may find one faster
        return seconds

    def parameters(self) -> Parameters:
        """What was learnt, W as (n_out, n_in)."""
        return [(layer.W, layer.b) for layer in self.net.layers]

    def predictor(self, parameters: Parameters, X: Array) -> Callable[[], object]:
        """Confidences from uint8 rows."""
        net = network(parameters)
        return lambda: net.predict_proba(X)


class Saturated(Tongtou):
    """The same training from weights so large that every sigmoid is saturated."""

    def train(self, first: Parameters, n_epochs: int) -> list[float]:
        """Train from the enlarged parameters; return the seconds of each epoch."""
        return super().train(saturate(first, self.X[:1000], SATURATED_MEDIAN), n_epochs)
