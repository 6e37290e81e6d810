"""Regularisation: what keeps a network from learning its examples by heart.

Symbols: w a weight (never a bias), C the loss, x an input, y a target (docs/notation.md).
Decoupled weight decay belongs to the optimiser AdamW, early stopping to `tongtou.Stopping`, and
altered pictures to `tongtou.Augmentation`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tongtou.settings import checked_number

DROPOUT_PARTS: Final = 65536
"""A neuron is dropped when its 16-bit random number lies below `drop_threshold(rate)`."""


@dataclass(frozen=True)
class Regularization:
    """Penalties on the weights, and noise that is added while training and never afterwards.

    ::

        penalty          C + l1 sum |w| + (l2/2) sum w^2          weights only, never biases
        dropout          a' = a m / (1 - rate),    m = 0 with probability rate, otherwise 1
        input noise      x' = x + input_noise g,   g standard normal
        label smoothing  y' = (1 - e) y + e / n_classes           e = label_smoothing

    Parameters
    ----------
    l1 : float
        Draws every weight towards 0 by the same amount, and holds it there: after each update
        w = sign(w) max(|w| - eta l1, 0), so that weights nobody needs are exactly 0.
    l2 : float
        Draws a weight towards 0 in proportion to itself: its gradient grows by l2 w.
    dropout : float or tuple of float
        The share of neurons left out of a step, each example for itself. One number is for every
        hidden layer and leaves the input alone; a tuple gives (input, hidden 1, hidden 2, …).
    input_noise : float
        Standard deviation of the noise, in units of the input: pixels run from 0 to 1.
    label_smoothing : float
        e, how much of a target is spread evenly over the classes, so that no confidence has to
        reach 1.

    Raises
    ------
    ValueError
        A setting is out of its range: l1, l2 and input_noise 0 or more, dropout rates and
        label_smoothing 0 … below 1.

    Notes
    -----
    *Dropout* is the inverted form: what is kept is enlarged while training, so prediction takes
    the network as it is. Rates are rounded to 1/65536. Noise is added
    before inputs drop out, so that what is dropped is 0.

    *L1* is a proximal step (soft thresholding). Adding l1 sign(w) to the gradient, as is often
    done, never reaches 0: the weight jumps to and fro about it.

    *L2* under an adaptive optimiser is divided by the size of past gradients like everything else
    in the gradient; decoupled decay is not, which is what AdamW is for. scikit-learn's ``alpha``
    is ``l2 = alpha / n``, n the examples of the batch.

    *Label smoothing*: outputs that answer yes or no each for itself (binary_cross_entropy, or a
    single output) have two classes each, whatever their number. It is for classes: `tongtou.fit`
    refuses it for numbers to predict, which it would change.

    References
    ----------
    Srivastava and others (2014), "Dropout: a simple way to prevent neural networks from
    overfitting", section 10 (inverted form). Duchi and Singer (2009), "Efficient online and batch
    learning using forward backward splitting", equation 19 (L1). Bishop (1995), "Training with
    noise is equivalent to Tikhonov regularization". Szegedy and others (2016), "Rethinking the
    Inception architecture", section 7 (label smoothing).

    Examples
    --------
    >>> Regularization(l2=1e-4, dropout=0.5).rates(3)
    (0.0, 0.5, 0.5)
    >>> Regularization(dropout=(0.2, 0.5)).rates(2)
    (0.2, 0.5)
    """

    l1: float = 0.0
    l2: float = 0.0
    dropout: float | tuple[float, ...] = 0.0
    input_noise: float = 0.0
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        for name in ("l1", "l2", "input_noise"):
            object.__setattr__(self, name, checked_number(name, getattr(self, name), 0.0))
        object.__setattr__(
            self,
            "label_smoothing",
            checked_number("label_smoothing", self.label_smoothing, 0.0, 1.0, below=True),
        )
        given: object = self.dropout
        if isinstance(given, Iterable) and not isinstance(given, (str, bytes)):
            rates = tuple(_rate(f"dropout[{k}]", rate) for k, rate in enumerate(given))
            object.__setattr__(self, "dropout", rates)
        else:
            object.__setattr__(self, "dropout", _rate("dropout", given))

    def __bool__(self) -> bool:
        """Whether anything is done at all."""
        rates = self.dropout if isinstance(self.dropout, tuple) else (self.dropout,)
        return any((self.l1, self.l2, self.input_noise, self.label_smoothing, *rates))

    def rates(self, n_layers: int) -> tuple[float, ...]:
        """Return the dropout rate of each of `n_layers` layers' inputs.

        Index 0 is the input, index l the hidden layer l; the output is never dropped.

        Raises
        ------
        ValueError
            A tuple of another length was given.
        """
        if isinstance(self.dropout, float):
            return (0.0,) + (self.dropout,) * (n_layers - 1)
        if len(self.dropout) != n_layers:
            raise ValueError(
                f"dropout must be one number, or {n_layers} of them for this network: the input "
                f"and {n_layers - 1} hidden layers; it is {self.dropout!r}."
            )
        return self.dropout

    def penalty(self, weights: Iterable[NDArray[Any]]) -> float:
        """Return l1 sum |w| + (l2/2) sum w^2 over the weights of all layers, in float64."""
        total = 0.0
        if self.l1 or self.l2:
            for W in weights:
                w = W.astype(np.float64)
                total += self.l1 * float(np.abs(w).sum()) + self.l2 / 2 * float(np.square(w).sum())
        return total

    def smoothed(self, y: NDArray[Any], n_classes: int) -> NDArray[Any]:
        """Return (1 - e) y + e / n_classes of dense targets y, in their dtype.

        n_classes is n_out; or 2 where each output is a yes or no of its own.

        Examples
        --------
        >>> Regularization(label_smoothing=0.2).smoothed(np.array([[1.0, 0.0]]), 2)
        array([[0.9, 0.1]])
        """
        e = self.label_smoothing
        return ((1 - e) * y + e / n_classes).astype(y.dtype) if e else y

    def describe(self) -> dict[str, Any]:
        """Return the JSON-ready description that `from_description` reads back."""
        said = asdict(self)
        if isinstance(self.dropout, tuple):
            said["dropout"] = list(self.dropout)
        return said

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Regularization:
        """Return what `describe` described.

        Raises
        ------
        ValueError
            It is no mapping, holds an unknown setting, or one out of its range.
        """
        known = {field.name for field in fields(cls)}
        if not isinstance(description, Mapping) or not set(description) <= known:
            raise ValueError(
                f"a regularisation is described by a mapping of {', '.join(sorted(known))}; "
                f"this is {description!r}."
            )
        return cls(**description)


def drop_threshold(rate: float) -> int:
    """Return q = round(65536 rate): a neuron is kept if its 16-bit number is at least q.

    What is kept is scaled by 65536 / (65536 - q), the exact inverse of the chance to stay.

    Examples
    --------
    >>> drop_threshold(0.5)
    32768
    """
    return round(rate * DROPOUT_PARTS)


def _rate(name: str, value: object) -> float:
    rate = checked_number(name, value, 0.0, 1.0, below=True)
    if drop_threshold(rate) == DROPOUT_PARTS:
        raise ValueError(
            f"{name} must leave neurons in: at most {1 - 1 / DROPOUT_PARTS:.5f}; it is {rate!r}."
        )
    return rate
