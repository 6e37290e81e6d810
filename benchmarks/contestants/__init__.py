"""Who runs: one class a library behind one small protocol, and the list of rows of the table."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

from benchmarks.settings import usable_cores
from benchmarks.tasks import WIDE, Task

if TYPE_CHECKING:  # NumPy makes its threads when imported: not before a cell has kept to its cores
    from benchmarks.data import Array, Data, Parameters


class CannotRunError(RuntimeError):
    """Something it needs is not on this machine."""


class Contestant(Protocol):
    """One library with the data loaded, ready to train the network or to evaluate it."""

    facts: dict[str, Any]
    """What the reader should know: versions, the form chosen, compile time."""

    def __init__(self, data: Data, task: Task, threads: int) -> None: ...

    def prepare(self) -> None:
        """Convert data, compile, try the forms there are and keep the fastest; not timed.

        Raises CannotRunError where it cannot run here, with the reason.
        """
        ...

    def train(self, first: Parameters, n_epochs: int, n: int) -> list[float]:
        """Train from these parameters on the first n examples; return the seconds of each epoch."""
        ...

    def parameters(self) -> Parameters | None:
        """What was learnt, or None where nothing is."""
        ...

    def predictor(self, parameters: Parameters, X: Array) -> Callable[[], object]:
        """A call that computes the confidences of each row of X."""
        ...


@dataclass(frozen=True)
class Entry:
    """One row of the table."""

    name: str
    title: str
    place: str
    threads: int = 1
    """0: all usable cores."""
    peer: bool = False
    same_order: bool = True
    oracle: str = "oracle"
    """Of ORACLES, who computes the same in float64."""
    batches: tuple[int, ...] = ()
    """Batch sizes it runs at; empty: all."""
    tasks: tuple[str, ...] = ()
    """Tasks it takes part in; empty: all."""
    environment: dict[str, str] = field(default_factory=dict)
    predicts: bool = False
    one_core: bool = False
    """Whether the process is kept to one processor core."""
    needs: str = ""
    """Processor flag without which it is left out."""

    def n_threads(self) -> int:
        """Threads it may use."""
        return self.threads or usable_cores()

    def build(self) -> type[Contestant]:
        """Import the class, with the environment its library reads at import."""
        os.environ.update(self.environment)
        module, _, name = self.place.partition(":")
        return cast(
            "type[Contestant]",
            getattr(importlib.import_module(f"benchmarks.contestants.{module}"), name),
        )


LESSON_ENTRIES = {
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
            oracle="uncorrected",
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
"""The rows of the lesson's tasks."""

WIDE_ENTRIES = {
    entry.name: entry
    for entry in (
        Entry("tongtou", "Tongtou", "tongtou_:Tongtou", threads=0),
        Entry("tongtou-1", "Tongtou, 1 thread", "tongtou_:Tongtou"),
        Entry(
            "tongtou-augmented",
            "Tongtou, every digit altered",
            "tongtou_:Augmented",
            threads=0,
            same_order=False,
            tasks=("best",),
        ),
        LESSON_ENTRIES["jax"],
        LESSON_ENTRIES["torch"],
        Entry(
            "torch-compiled",
            "PyTorch compiled",
            "torch_:Compiled",
            peer=True,
            # Idle helpers of the compiler would otherwise stay beside the contestants.
            environment={"TORCHINDUCTOR_COMPILE_THREADS": "1"},
        ),
        LESSON_ENTRIES["sklearn"],
        LESSON_ENTRIES["numpy"],
    )
}
"""The rows of the other tasks."""

ORACLES = {
    entry.name: entry
    for entry in (
        Entry("oracle", "NumPy, float64", "numpy_:Oracle"),
        Entry("uncorrected", "NumPy, float64, epsilon beside the raw root", "numpy_:Uncorrected"),
    )
}
"""No rows: whom the others must agree with."""


def entries_of(task: Task) -> dict[str, Entry]:
    """Everybody who may take part, by name."""
    return WIDE_ENTRIES | ORACLES if task.name in WIDE else LESSON_ENTRIES
