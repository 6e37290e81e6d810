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
from tongtou.augmentation import Augmentation
from tongtou.choices import choose
from tongtou.optimizers import SGD, Optimizer
from tongtou.regularizers import Regularization

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
        Of each step, before its update: the sum of w_i C_i over its examples, w_i their weights
        (1 where there are none).
    correct : ndarray of uint32
        Of each step's examples, those whose own class had the one highest output.
    penalties : ndarray of float64
        Of each step, before its update: l1 sum |W| + l2/2 sum W^2.
    gradient_norms : ndarray of float64
        2-norm of the gradient of each step's loss before clipping; zeros unless the task clips by
        norm or measures it.
    weight_sums : ndarray of float64
        Of each step the sum of w_i: the number of its examples where there are no weights.
    """

    n_done: int
    diverged: bool
    losses: NDArray[np.float64]
    correct: NDArray[np.uint32]
    penalties: NDArray[np.float64]
    gradient_norms: NDArray[np.float64]
    weight_sums: NDArray[np.float64]


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
        Of the order of the examples, of dropout, noise and augmentation.
    shuffle : bool
    optimizer : Optimizer
    regularization : Regularization
    augmentation : Augmentation, optional
    input_shape : tuple of int
        Of the pictures, (height, width) or (height, width, channels), where they are altered.
    weights : ndarray of float64, shape (n,), optional
        w_i >= 0 of each row of X: the loss of a batch is sum w_i C_i / sum w_i.
    l2_over_batch : bool
        The penalty of L2 is divided by the sum of the weights of the batch, as scikit-learn does.
    measure_gradient : bool
        Fill in `Slice.gradient_norms`.
    first_epoch : int
        Added to the number of the epoch wherever it counts random numbers.
    first_step : int
        Added to the number of the step wherever it counts random numbers.
    """

    X: NDArray[Any]
    y: NDArray[Any]
    rows: NDArray[np.uint32]
    batch_size: int
    seed: int
    shuffle: bool
    optimizer: Optimizer = SGD()  # noqa: RUF009 - frozen
    regularization: Regularization = Regularization()  # noqa: RUF009 - frozen
    augmentation: Augmentation | None = None
    input_shape: tuple[int, ...] = ()
    weights: NDArray[np.float64] | None = None
    l2_over_batch: bool = False
    measure_gradient: bool = False
    first_epoch: int = 0
    first_step: int = 0

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch, the last partial one included."""
        return -(-len(self.rows) // self.batch_size)


class Session(Protocol):
    """A network on its way, trained in place."""

    def advance(self, first_step: int, rates: NDArray[np.float64], n_threads: int) -> Slice:
        """Make len(rates) steps from `first_step` on, counted from the start of the run.

        A row of rates (k, 4) is a row of `Optimizer.rates`. A step whose examples weigh nothing
        together changes nothing.
        """

    def weighted_sums(self, rows: NDArray[np.uint32]) -> NDArray[Any]:
        """Return Z[L] (n, n_out) of these examples with the parameters of now."""

    def slots(self) -> list[NDArray[Any]]:
        """Return what the optimiser remembers, in the engine's own order.

        Live views: writing into them alters the session.
        """

    def set_rows(self, rows: NDArray[np.uint32]) -> None:
        """Learn from these examples from now on, as many as before."""

    def snapshot(self) -> Any:
        """Return what `restore` needs to come back to the parameters and slots of now."""

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
