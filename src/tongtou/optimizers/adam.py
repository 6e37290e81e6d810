"""Momentum and a rate for each parameter, both corrected for their start: Adam and AdamW."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from tongtou.choices import choose
from tongtou.optimizers.base import EPSILON_INSIDE, EPSILON_UNCORRECTED, Optimizer
from tongtou.schedules import Schedule
from tongtou.settings import checked_number

_PLACEMENTS = {"outside": 0, "uncorrected": EPSILON_UNCORRECTED, "inside": EPSILON_INSIDE}


@dataclass(frozen=True, repr=False)
class Adam(Optimizer):
    """Adam: the running mean of the gradient over the root of the running mean of its square.

    ::

        m = beta1 m + (1 - beta1) g         m_hat = m / (1 - beta1^t)       t = 1, 2, …
        v = beta2 v + (1 - beta2) g^2       v_hat = v / (1 - beta2^t)       m = v = 0 at first

        theta = theta - eta m_hat / (sqrt(v_hat) + epsilon)                 "outside"
        theta = theta - eta_t m / (sqrt(v) + epsilon)                       "uncorrected"
                        eta_t = eta sqrt(1 - beta2^t) / (1 - beta1^t)
        theta = theta - eta m_hat / sqrt(v_hat + epsilon)                   "inside"

    Parameters
    ----------
    learning_rate : float or Schedule
        eta, above 0: about how far a parameter moves in a step, at most.
    beta1, beta2 : float
        How much of the means is kept, from 0 to below 1.
    epsilon : float
        Keeps the division finite where gradients vanish, above 0.
    epsilon_placement : "outside", "uncorrected" or "inside"
        Where epsilon stands: beside the corrected root, as in the paper's Algorithm 1; beside the
        root before its correction, as in the order of computation that the paper calls more
        efficient, so that epsilon counts as epsilon / sqrt(1 - beta2^t); or under the root.
    clip_norm, clip_value : float, optional
        As for `Optimizer`.

    Raises
    ------
    ValueError
        A setting is out of its range.

    Notes
    -----
    "outside" is PyTorch's and Optax's form, with the same defaults. "uncorrected" is
    scikit-learn's, and Keras's, whose epsilon is 1e-7 by default; in its first steps it moves less
    wherever gradients are near epsilon: with beta2 0.999 epsilon counts 31.6 times in step 1. The
    amsgrad form, which keeps the largest v, is left out. All parameters are updated in every step,
    those of inputs that were 0 too: the lazy form for sparse inputs is another algorithm.

    References
    ----------
    Kingma and Ba (2015), "Adam: a method for stochastic optimization", Algorithm 1 and the end of
    section 2.

    Examples
    --------
    >>> Adam(0.002, beta1=0.8)
    Adam(learning_rate=0.002, beta1=0.8)
    """

    name: ClassVar[str] = "adam"

    learning_rate: float | Schedule = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    epsilon_placement: Literal["outside", "uncorrected", "inside"] = "outside"

    def __post_init__(self) -> None:
        super().__post_init__()
        for beta in ("beta1", "beta2"):
            kept = checked_number(beta, getattr(self, beta), 0, 1, below=True)
            object.__setattr__(self, beta, kept)
        object.__setattr__(self, "epsilon", checked_number("epsilon", self.epsilon, 0, above=True))
        choose("epsilon_placement", self.epsilon_placement, _PLACEMENTS)

    @property
    def kind(self) -> int:
        """4."""
        return 4

    @property
    def n_slots(self) -> int:
        """The two means, m and v."""
        return 2

    @property
    def constants(self) -> tuple[float, float, float, float]:
        """beta1, beta2 and epsilon."""
        return (self.beta1, self.beta2, self.epsilon, 0.0)

    @property
    def flags(self) -> int:
        """EPSILON_UNCORRECTED, EPSILON_INSIDE or 0."""
        return _PLACEMENTS[self.epsilon_placement]

    def rates(self, first_step: int, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return eta, 1 - beta1^t, 1 - beta2^t and 1; as `Optimizer.rates`."""
        columns = super().rates(first_step, eta)
        t = np.arange(first_step + 1, first_step + len(eta) + 1, dtype=np.float64)
        columns[:, 1] = 1 - self.beta1**t
        columns[:, 2] = 1 - self.beta2**t
        return columns


@dataclass(frozen=True, repr=False)
class AdamW(Adam):
    """Adam with decoupled weight decay: the weights shrink beside the step, not through it.

    ::

        W = (1 - eta lambda) W                      coupling="learning_rate"
        W = (1 - (eta / eta_0) lambda) W            coupling="schedule"

    and then the step of `Adam`, whose m and v know nothing of the decay. Biases do not decay.

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon, epsilon_placement
        As for `Adam`.
    weight_decay : float
        lambda, 0 or more.
    coupling : "learning_rate" or "schedule"
        Whether the decay of a step is eta lambda, as in PyTorch, or lambda times the schedule's
        multiplier alone, as in the paper, where eta_0 and lambda can be chosen one by one.
    clip_norm, clip_value : float, optional
        As for `Optimizer`.

    Raises
    ------
    ValueError
        A setting is out of its range, or so much decay that weights would change their sign.

    Notes
    -----
    With "learning_rate" the default of 0.01 is PyTorch's; a decay of lambda there is one of
    eta_0 lambda with "schedule". Optax's default is 1e-4 and it too multiplies by eta; Keras's
    0.004 likewise. PyTorch's decays biases too unless they stand in a group of their own. The step
    is taken from the gradient at the weights before the decay, in all of these.

    References
    ----------
    Loshchilov and Hutter (2019), "Decoupled weight decay regularization", Algorithm 2.

    Examples
    --------
    >>> AdamW(0.002, weight_decay=0.05)
    AdamW(learning_rate=0.002, weight_decay=0.05)
    >>> AdamW(0.01, weight_decay=0.5).rates(0, np.array([0.01]))[0, 3]  # 1 - 0.01 · 0.5
    np.float64(0.995)
    """

    name: ClassVar[str] = "adamw"

    weight_decay: float = 0.01
    coupling: Literal["learning_rate", "schedule"] = "learning_rate"

    def __post_init__(self) -> None:
        super().__post_init__()
        decay = checked_number("weight_decay", self.weight_decay, 0)
        object.__setattr__(self, "weight_decay", decay)
        choose("coupling", self.coupling, {"learning_rate": 0, "schedule": 1})
        most = decay * (self.schedule.initial if self.coupling == "learning_rate" else 1)
        if most >= 1:
            raise ValueError(
                f"weight_decay={decay:g} would take away {most:g} of a weight in one step, but it "
                "must be less than all of it; use a smaller weight_decay"
                + (" or learning_rate." if self.coupling == "learning_rate" else ".")
            )

    def rates(self, first_step: int, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return eta, 1 - beta1^t, 1 - beta2^t and the decay; as `Optimizer.rates`."""
        columns = super().rates(first_step, eta)
        scale = 1.0 if self.coupling == "learning_rate" else 1 / self.schedule.initial
        columns[:, 3] = 1 - scale * eta * self.weight_decay
        return columns
