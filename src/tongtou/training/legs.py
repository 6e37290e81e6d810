"""One recorded call of `fit`: its states, and all that making its steps again needs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tongtou import evaluation
from tongtou.engines import Engine, Task
from tongtou.errors import DataError
from tongtou.history import History
from tongtou.settings import checked_whole
from tongtou.training.examples import Material
from tongtou.training.rates import Rates
from tongtou.training.windows import Windows

if TYPE_CHECKING:
    from tongtou.network import Network
    from tongtou.training.replaying import Player
    from tongtou.training.tape import Recording

_SAMPLED_ROWS = 1024


class Kept:
    """The engine's state before a step; `edited` where parameters were set by hand just there."""

    __slots__ = ("edited", "n_bytes", "snapshot", "step")

    def __init__(self, step: int, snapshot: Any, edited: bool = False) -> None:
        self.step, self.snapshot, self.edited = step, snapshot, edited
        self.n_bytes = _n_bytes(snapshot)


@dataclass(eq=False)
class Leg:
    """One recorded call of `fit`, and all that making its steps again needs.

    Attributes
    ----------
    first : int
        Steps of the legs before it; its own are counted from the start of its run.
    start : int
        Its step when recording began: above 0 where the run was a resumed one.
    recipe : dict
        What `fit` was told.
    marks : list of Kept
    schedule_states : list of (epoch, state)
        What the schedule remembered from that epoch on, where that changed.
    """

    net: Network
    engine: Engine
    task: Task
    material: Material
    windows: Windows | None
    steps_per_epoch: int
    n_planned: int
    recipe: dict[str, Any]
    history: History
    schedule_states: list[tuple[int, dict[str, Any]]]
    first: int = 0
    start: int = 0
    edited_before: bool = False
    marks: list[Kept] = field(default_factory=list)
    final: bytes = b""
    kernel: str = field(default_factory=evaluation.kernel_name)
    seal: bytes = b""
    tape: Recording | None = None
    _player: Player | None = None

    def __post_init__(self) -> None:
        self.seal = seal_of(self.task)

    @property
    def n_steps(self) -> int:
        """Steps made so far."""
        return self.history.n_steps

    @property
    def player(self) -> Player:
        """What makes its steps again; packs the examples when first asked for."""
        from tongtou.training.replaying import Player

        if self._player is None:
            self._player = Player(self)
        return self._player

    def at(self, step: int) -> Network:
        """Return the network after this many steps of this run."""
        return self.player.go(checked_whole("step", step, 0)).copy()

    def reductions(self) -> list[tuple[int, float]]:
        """Return the steps from which the schedule gave another rate for what it observed."""
        found = []
        for (_, before), (epoch, after) in pairwise(self.schedule_states):
            step = epoch * self.steps_per_epoch
            was, now = (self.rates_after(one).of(step, 1)[0, 0] for one in (before, after))
            if was != now:
                found.append((step, float(now)))
        return found

    def rates_after(self, state: dict[str, Any]) -> Rates:
        """Return the rates of a schedule that remembers this."""
        rates = Rates(self.task.optimizer, self.steps_per_epoch, self.n_planned)
        rates.schedule.load_state(state)
        return rates

    def now(self) -> bytes:
        """Return a digest of the network's parameters."""
        return hashlib.blake2b(self.net._parameters.tobytes(), digest_size=16).digest()

    def schedule_observed(self, epoch: int, state: dict[str, Any]) -> None:
        """Take note of what the schedule remembers from this epoch on."""
        if state != self.schedule_states[-1][1]:
            self.schedule_states.append((epoch, dict(state)))

    def drop_from(self, step: int) -> None:
        """Forget states from this step on, but for the very first."""
        self.marks = self.marks[:1] + [mark for mark in self.marks[1:] if mark.step < step]

    def close(self) -> None:
        """The run has ended: forget what was taken back."""
        self.marks = [mark for mark in self.marks if mark.step <= self.n_steps]
        epoch = self.n_steps // self.steps_per_epoch
        self.schedule_states = [one for one in self.schedule_states if one[0] <= epoch]
        self.final = self.now()

    def check_same(self) -> None:
        """Refuse to replay where the outcome would be another."""
        if evaluation.kernel_name() != self.kernel:
            raise ValueError(
                f"the run was made by the kernel {self.kernel!r}; now {evaluation.kernel_name()!r} "
                "is in use, whose last bits differ. Use the same one to go back."
            )
        if seal_of(self.task) != self.seal:
            raise DataError(
                "the examples were altered since the run, so its steps cannot be made again. "
                "Train on a copy of the array where it is to be changed later."
            )


def seal_of(task: Task) -> bytes:
    """Return a digest of the answers, the weights and 1,024 rows of X spread evenly."""
    digest = hashlib.blake2b(digest_size=16)
    n = task.X.shape[0]
    rows = np.linspace(0, n - 1, min(n, _SAMPLED_ROWS)).astype(np.int64)
    X = task.X[rows]
    parts: tuple[Any, ...] = (X,) if isinstance(X, np.ndarray) else (X.data, X.indices, X.indptr)
    for part in (*parts, task.y, task.rows, task.weights):
        if part is not None:
            digest.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
    return digest.digest()


def _n_bytes(snapshot: Any) -> int:
    """Return the bytes of the arrays of a snapshot, which is one, or a list or tuple of such."""
    if isinstance(snapshot, np.ndarray):
        array: NDArray[Any] = snapshot
        return array.nbytes
    return sum(_n_bytes(part) for part in snapshot)
