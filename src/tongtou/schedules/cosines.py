"""Schedules made of half cosines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tongtou.schedules.base import Schedule
from tongtou.settings import checked_number, checked_whole


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from the rate down to the minimum; a warm-up before it, and restarts if wished.

    ::

        warm-up     eta = eta_0 (t + 1) / W                                  t < W
        then        eta = m + (eta_0 - m) (1 + cos(pi s / n)) / 2            t >= W

    W the steps of the warm-up, m the minimum; s counts the steps since the last restart, n are
    the steps from that restart to the next.

    Parameters
    ----------
    rate : float
        eta_0, at the end of the warm-up and after each restart.
    minimum : float
        m, where each cosine ends; 0 … eta_0.
    warmup_epochs : float
        Epochs of the warm-up, in which the rate grows evenly; a fraction is allowed.
    cycles : int
        How many cosines share what the warm-up leaves of the run.
    first_cycle_epochs : float, optional
        Length of the first cosine instead: cosines then follow each other to the end of the run,
        and the last may be cut off.
    growth : float
        How many times longer a cosine is than the one before, 1 or more.

    Raises
    ------
    ValueError
        A setting is out of its range, or both `cycles` and `first_cycle_epochs` are given.

    Notes
    -----
    One cycle is PyTorch's ``CosineAnnealingLR``, cycles of a given first length its
    ``CosineAnnealingWarmRestarts``; there a growth must be a whole number. The warm-up's first step
    is not wasted on a rate of 0. Steps beyond N stay at the minimum.

    References
    ----------
    Loshchilov and Hutter (2017), "SGDR: stochastic gradient descent with warm restarts",
    equation 5. Goyal et al. (2017), "Accurate, large minibatch SGD", section 2.2, for the warm-up.

    Examples
    --------
    >>> Cosine(1.0, warmup_epochs=1).rates(0, 6, steps_per_epoch=2, n_steps_total=6).round(3)
    array([0.5  , 1.   , 1.   , 0.854, 0.5  , 0.146])
    """

    name: ClassVar[str] = "cosine"

    minimum: float = 0.0
    warmup_epochs: float = 0.0
    cycles: int = 1
    first_cycle_epochs: float | None = None
    growth: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        minimum = checked_number("minimum", self.minimum, 0, self.rate)
        object.__setattr__(self, "minimum", minimum)
        warmup = checked_number("warmup_epochs", self.warmup_epochs, 0)
        object.__setattr__(self, "warmup_epochs", warmup)
        object.__setattr__(self, "cycles", checked_whole("cycles", self.cycles, 1))
        object.__setattr__(self, "growth", checked_number("growth", self.growth, 1))
        if self.first_cycle_epochs is not None:
            if self.cycles != 1:
                raise ValueError(
                    "give either cycles, which share the run, or first_cycle_epochs, which repeat "
                    f"until it ends; got cycles={self.cycles} and "
                    f"first_cycle_epochs={self.first_cycle_epochs!r}."
                )
            first = checked_number("first_cycle_epochs", self.first_cycle_epochs, 0, above=True)
            object.__setattr__(self, "first_cycle_epochs", first)

    def _rates(self, t: NDArray[np.float64], per_epoch: float, N: float) -> NDArray[np.float64]:
        warm = min(self.warmup_epochs * per_epoch, N)
        left = N - warm
        if self.first_cycle_epochs is not None:
            first = self.first_cycle_epochs * per_epoch
        elif self.growth == 1:
            first = left / self.cycles
        else:
            first = left * (self.growth - 1) / (self.growth**self.cycles - 1)
        since = np.maximum(t - warm, 0.0)
        share = self._share(since, first) if left > 0 else np.ones(len(t))
        share = np.where(t >= N, 1.0, share)
        down = self.minimum + (self.rate - self.minimum) * (1 + np.cos(math.pi * share)) / 2
        up = self.rate * np.minimum((t + 1) / warm, 1.0) if warm else down
        return np.where(t < warm, up, down)

    def _share(self, since: NDArray[np.float64], first: float) -> NDArray[np.float64]:
        """Return how far each step is in its cosine, from 0 to below 1."""
        g = self.growth
        if g == 1:
            lengths = np.maximum(first, 1e-300)
            share: NDArray[np.float64] = since / lengths
            return share - np.floor(share)
        # The first k cosines take first (g^k - 1) / (g - 1) steps.
        k = np.floor(np.log1p(since * (g - 1) / first) / math.log(g) + 1e-12)
        begin = first * (g**k - 1) / (g - 1)
        return np.clip((since - begin) / (first * g**k), 0.0, 1.0)


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up to the rate and far down again, once, along two half cosines.

    ::

        eta = lo + (hi - lo) (1 - cos(pi s)) / 2        s from 0 to 1 on each part

    from eta_0 / start_divisor up to eta_0 in the first share of the run, then down to
    eta_0 / start_divisor / end_divisor at its last step.

    Parameters
    ----------
    rate : float
        eta_0, at the top.
    warmup_share : float
        Share of the run that goes up, between 0 and 1.
    start_divisor, end_divisor : float
        1 or more.

    Notes
    -----
    PyTorch's ``OneCycleLR`` with its cosine form and without its cycling momentum.

    References
    ----------
    Smith and Topin (2018), "Super-convergence: very fast training of neural networks using large
    learning rates".

    Examples
    --------
    >>> OneCycle(1.0, warmup_share=0.5, start_divisor=4).rates(0, 6, 6, 6).round(3)
    array([0.25 , 0.625, 1.   , 0.75 , 0.25 , 0.   ])
    """

    name: ClassVar[str] = "one_cycle"

    warmup_share: float = 0.3
    start_divisor: float = 25.0
    end_divisor: float = 10_000.0

    def __post_init__(self) -> None:
        super().__post_init__()
        share = checked_number("warmup_share", self.warmup_share, 0, 1, above=True, below=True)
        object.__setattr__(self, "warmup_share", share)
        for which in ("start_divisor", "end_divisor"):
            object.__setattr__(self, which, checked_number(which, getattr(self, which), 1))

    def _rates(self, t: NDArray[np.float64], per_epoch: float, N: float) -> NDArray[np.float64]:
        last = max(N - 1, 0.0)
        top = max(self.warmup_share * N - 1, 0.0)
        start = self.rate / self.start_divisor
        end = start / self.end_divisor
        rising = t / top if top else np.ones(len(t))
        falling = np.minimum((t - top) / (last - top), 1.0) if last > top else np.ones(len(t))
        up = start + (self.rate - start) * (1 - np.cos(math.pi * np.clip(rising, 0, 1))) / 2
        down = self.rate + (end - self.rate) * (1 - np.cos(math.pi * np.clip(falling, 0, 1))) / 2
        return np.where(t <= top, up, down)
