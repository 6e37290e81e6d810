"""Engines: what carries out the steps of a training run.

An engine turns a network and its data into a session; the training loop asks the session for a
few steps at a time and keeps everything else to itself: stopping, progress, history.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tongtou import evaluation
from tongtou.choices import choose

if TYPE_CHECKING:
    from tongtou.network import Network


@dataclass(frozen=True)
class Slice:
    """What a few steps did.

    Attributes
    ----------
    n_done : int
        Steps whose update was made.
    diverged : bool
        The step after these had a loss that is not finite; its update was not made.
    losses : ndarray of float64
        Sum of the losses of each step's examples, before its update.
    correct : ndarray of uint32
        Of each step's examples, those whose own class had the one highest output.
    """

    n_done: int
    diverged: bool
    losses: NDArray[np.float64]
    correct: NDArray[np.uint32]


@dataclass(frozen=True)
class Task:
    """What a session trains on.

    Attributes
    ----------
    X, y : ndarray
        Checked examples: see `tongtou.boundary`.
    rows : ndarray of uint32
        The examples that are learnt from; the others are only evaluated.
    batch_size : int
        At most the number of `rows`.
    seed : int
        Of the order of the examples.
    shuffle : bool
    """

    X: NDArray[Any]
    y: NDArray[Any]
    rows: NDArray[np.uint32]
    batch_size: int
    seed: int
    shuffle: bool

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch, the last partial one included."""
        return -(-len(self.rows) // self.batch_size)


class Session(Protocol):
    """A network on its way, trained in place."""

    def advance(self, first_step: int, eta: NDArray[np.float64], n_threads: int) -> Slice:
        """Make len(eta) steps from `first_step` on, counted from the start of the run."""

    def weighted_sums(self, rows: NDArray[np.uint32]) -> NDArray[Any]:
        """Return Z[L] (n, n_out) of these examples with the parameters of now."""

    def snapshot(self) -> Any:
        """Return what `restore` needs to come back to the parameters of now, bit for bit."""

    def restore(self, snapshot: Any) -> None:
        """Go back to a snapshot."""


class Engine(Protocol):
    """Something that can train."""

    name: str
    threads: bool

    def prepare(self, net: Network, task: Task) -> Session:
        """Bring the data into the form the engine works on."""

    def order(self, seed: int, epoch: int, n: int, purpose: int) -> NDArray[np.uint32]:
        """Return the random order `tongtou.randomness.order` defines."""


def engine(name: str | None = None) -> Engine:
    """Return the engine of this name; None chooses the kernel where there is one.

    Raises
    ------
    ValueError
        No engine has this name, or the kernel was asked for and is not there.
    """
    from tongtou.engines.native import NativeEngine
    from tongtou.engines.reference import ReferenceEngine

    known: dict[str, Engine] = {"native": NativeEngine(), "reference": ReferenceEngine()}
    if name is None:
        name = "native" if evaluation.kernel else "reference"
    chosen = choose("engine", name, known)
    if chosen.name == "native" and evaluation.kernel is None:
        raise ValueError("engine='native' needs the compiled kernel, which is not there.")
    return chosen
