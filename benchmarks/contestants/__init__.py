"""Who runs: one class a library behind one small protocol, and the list of rows of the table."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from benchmarks.digits import Array, Digits, Parameters


class Contestant(Protocol):
    """One library with the digits loaded, ready to train the network or to evaluate it."""

    facts: dict[str, Any]
    """What the reader should know: versions, the form chosen, compile time."""

    def __init__(self, digits: Digits, batch: int, learning_rate: float, threads: int) -> None: ...

    def prepare(self) -> None:
        """Convert data, compile, try the forms there are and keep the fastest; not timed."""
        ...

    def train(self, first: Parameters, n_epochs: int) -> list[float]:
        """Train from these parameters; return the seconds of each epoch."""
        ...

    def parameters(self) -> Parameters | None:
        """What was learnt, or None where nothing is."""
        ...

    def predictor(self, parameters: Parameters, X: Array) -> Callable[[], object]:
        """A call that computes the ten confidences of each row of X."""
        ...


@dataclass(frozen=True)
class Entry:
    """One row of the table."""

    name: str
    title: str
    place: str
    threads: int = 1
    peer: bool = False
    same_order: bool = True
    batches: tuple[int, ...] = ()
    """Batch sizes it runs at; empty: all."""
    environment: dict[str, str] = field(default_factory=dict)
    predicts: bool = False
    one_core: bool = False
    """Whether the process is kept to one processor core."""
    needs: str = ""
    """Processor flag without which it is left out."""

    def build(self) -> type[Contestant]:
        """Import the class, with the environment its library reads at import."""
        os.environ.update(self.environment)
        module, _, name = self.place.partition(":")
        return cast(
            "type[Contestant]",
            getattr(importlib.import_module(f"benchmarks.contestants.{module}"), name),
        )


ENTRIES = {
    entry.name: entry
    for entry in (
        Entry("tongtou", "Tongtou, 1 thread", "tongtou_:Tongtou", predicts=True),
        Entry("tongtou-2", "Tongtou, 2 threads", "tongtou_:Tongtou", threads=2),
        Entry("jax", "JAX, epoch in one jit", "jax_:Jax", peer=True, predicts=True),
        Entry(
            "jax-tuned",
            "JAX, one core, 512-bit vectors",
            "jax_:Jax",
            batches=(10, 32),
            environment={"XLA_FLAGS": "--xla_cpu_prefer_vector_width=512"},
            one_core=True,
            needs="avx512f",
        ),
        Entry("torch", "PyTorch eager", "torch_:Torch", peer=True, predicts=True),
        Entry(
            "sklearn",
            "scikit-learn MLPClassifier",
            "sklearn_:Sklearn",
            peer=True,
            predicts=True,
        ),
        Entry(
            "numpy",
            "NumPy",
            "numpy_:Numpy",
            peer=True,
            predicts=True,
        ),
        Entry("limit", "limit: two sparse loops", "limit_:Limit"),
        Entry("limit-avx2", "limit, AVX2", "limit_:LimitAvx2", needs="avx2"),
        Entry(
            "tongtou-avx2",
            "Tongtou, AVX2 kernel",
            "tongtou_:Tongtou",
            batches=(32,),
            environment={"TONGTOU_KERNEL": "avx2"},
            needs="avx2",
        ),
        Entry(
            "tongtou-sse2",
            "Tongtou, SSE2 kernel",
            "tongtou_:Tongtou",
            batches=(32,),
            environment={"TONGTOU_KERNEL": "sse2"},
        ),
        Entry(
            "tongtou-saturated",
            "Tongtou, saturated",
            "tongtou_:Saturated",
            same_order=False,
            batches=(32,),
        ),
    )
}
