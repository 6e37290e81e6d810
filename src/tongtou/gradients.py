"""The proof of backpropagation: analytic gradients against central differences."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou import evaluation, reference
from tongtou.boundary import checked_examples, dense_answers
from tongtou.datasets.dataset import Dataset

if TYPE_CHECKING:
    from tongtou.network import Network


@dataclass(frozen=True)
class ParameterCheck:
    """One parameter, both ways. `layer` is 1 … L; `name` is "W" or "b"; `index` says which."""

    layer: int
    name: str
    index: tuple[int, ...]
    analytic: float
    numeric: float

    @property
    def error(self) -> float:
        """Return |analytic - numeric|."""
        return abs(self.analytic - self.numeric)


@dataclass(frozen=True)
class GradientCheck:
    """What `gradient_check` found.

    Attributes
    ----------
    checked : tuple of ParameterCheck
        Every parameter that was compared, worst first.
    scale : float
        The largest gradient among them, which errors are measured against.
    tolerance : float
        What max_error may be.
    n_parameters : int
        Of the network.
    rounding : float
        What rounding alone may add to a central difference: all that is left to see where the
        gradient itself has vanished.
    n_at_kinks : int
        Parameters left out because an example lies at a kink (relu at 0), where there is no
        derivative.
    """

    checked: tuple[ParameterCheck, ...]
    scale: float
    tolerance: float
    n_parameters: int
    rounding: float = 0.0
    n_at_kinks: int = 0

    @property
    def max_error(self) -> float:
        """Largest difference, relative to the largest gradient."""
        if not self.checked:
            return 0.0
        return self.checked[0].error / self.scale if self.scale else self.checked[0].error

    @property
    def allowed(self) -> float:
        """What a difference may be: the tolerance of the largest gradient, and rounding."""
        return self.tolerance * self.scale + self.rounding

    @property
    def passed(self) -> bool:
        """Whether something was compared, and every difference is allowed."""
        return bool(self.checked) and self.checked[0].error <= self.allowed

    def __str__(self) -> str:
        said = (
            f"gradient check {'passed' if self.passed else 'FAILED'}: {len(self.checked):,} of "
            f"{self.n_parameters:,} parameters"
        )
        if self.n_at_kinks:
            said += f" ({self.n_at_kinks:,} more lie at a kink)"
        if not self.checked:
            return said
        worst = self.checked[0]
        index = ", ".join(map(str, worst.index))
        return (
            f"{said}, largest gradient {self.scale:.3g}, largest error {worst.error:.1e} (allowed "
            f"{self.allowed:.1e}); worst {worst.name}[{index}] of layer {worst.layer}: "
            f"{worst.analytic:.9g} against {worst.numeric:.9g}"
        )


def gradient_check(
    net: Network,
    X: ArrayLike | Dataset,
    y: ArrayLike | None = None,
    *,
    sample: int | None = 400,
    step: float = 1e-5,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> GradientCheck:
    """Compare backpropagation with central differences.

    ::

        dC/dtheta ≈ (C(theta + h) - C(theta - h)) / 2h

    The analytic side is the kernel's own backward pass in double precision, at the network's
    parameters; the numeric side is the float64 reference's loss, so the two share no code.

    Parameters
    ----------
    net : Network
        Left as it is.
    X, y : examples, or a Dataset as X
        A few dozen examples are plenty.
    sample : int, optional
        How many parameters to try in each layer, evenly spread; None for all. Biases are all tried.
    step : float
        h.
    tolerance : float
        Largest difference allowed, relative to the largest gradient.
    seed : int
        Where in its layer the sample of weights starts.

    Returns
    -------
    GradientCheck
        Print it for a summary; ``.passed`` for the verdict.

    Raises
    ------
    ShapeError, DataError
        As for `Network.loss`.
    ValueError
        A setting is out of its range.

    Notes
    -----
    At a kink (relu at 0) there is no derivative. A step that would carry an example across one is
    made 10, then 100 times shorter; if that does not help the parameter is left out and counted
    in ``.n_at_kinks``.

    Examples
    --------
    >>> import numpy as np, tongtou as tt
    >>> net = tt.Network([3, 4, 2], seed=1)
    >>> tt.gradient_check(net, np.eye(3), [0, 1, 1]).passed
    True
    """
    if sample is not None and sample < 1:
        raise ValueError(f"sample must be at least 1, or None for all; it is {sample!r}.")
    if not (0 < step < math.inf and 0 <= tolerance < math.inf):
        raise ValueError(
            "step must be above 0, tolerance at least 0, both finite; "
            f"they are {step!r} and {tolerance!r}."
        )
    double = net.astype(np.float64)
    inputs, answers = checked_examples(X, y, double.blueprint)
    analytic = double.gradients(inputs, answers)
    numeric = _Numeric(double, inputs, answers)
    found: list[ParameterCheck] = []
    n_at_kinks, shortest = 0, step
    for layer, gradient in enumerate(analytic):
        for name, theta, known in (
            ("W", numeric.weights[layer], gradient.W),
            ("b", numeric.biases[layer], gradient.b),
        ):
            flat = theta.reshape(-1)  # a view: weights are C-ordered copies
            for position in _spread(flat.size, None if name == "b" else sample, seed):
                for h in (step, step / 10, step / 100):
                    # A joint of the loss costs accuracy, not the derivative: be content at last.
                    slope = numeric.slope(flat, position, h, over_joints=h < step / 10)
                    if slope is not None:
                        break
                else:
                    n_at_kinks += 1
                    continue
                shortest = min(shortest, h)
                index = tuple(int(i) for i in np.unravel_index(position, theta.shape))
                found.append(ParameterCheck(layer + 1, name, index, float(known[index]), slope))
    found.sort(key=lambda one: math.inf if math.isnan(one.error) else one.error, reverse=True)
    sizes = [abs(g) for one in found for g in (one.analytic, one.numeric) if math.isfinite(g)]
    # A loss C is known to a few units in its last place, 2^-52 C; the difference is divided by 2h.
    rounding = 2.0**-50 * abs(numeric.loss()[0]) / shortest
    return GradientCheck(
        tuple(found), max(sizes, default=0.0), tolerance, net.n_parameters, rounding, n_at_kinks
    )


class _Numeric:
    """Central differences of the reference's loss."""

    def __init__(self, net: Network, X: NDArray[Any], y: NDArray[Any]) -> None:
        self.weights = [layer.W.copy() for layer in net.layers]
        self.biases = [layer.b.copy() for layer in net.layers]
        self._activations = net.blueprint.activations
        self._loss_function = net.loss_function
        self._X = evaluation.as_float64(X)
        self._y = dense_answers(y, net.sizes[-1]).astype(np.float64)

    def loss(self) -> tuple[float, list[NDArray[np.bool_]], NDArray[np.bool_] | None]:
        """Return the mean loss, the side of each kink each neuron is on, and the loss's piece."""
        Z, A = reference.forward(self.weights, self.biases, self._activations, self._X)
        each = self._loss_function.value_with(self._activations[-1], Z[-1], A[-1], self._y)
        sides = [
            z > kink for z, f in zip(Z[1:], self._activations, strict=True) for kink in f.kinks
        ]
        return float(each.mean()), sides, self._loss_function.bends(A[-1], self._y)

    def slope(
        self, theta: NDArray[Any], position: int, h: float, over_joints: bool
    ) -> float | None:
        """Return dC/dtheta of one parameter; None when a kink lies between the two ends.

        Unless `over_joints`, neither may a joint of two pieces of the loss.
        """
        kept = theta[position]
        theta[position] = kept + h
        above, sides_above, bends_above = self.loss()
        theta[position] = kept - h
        below, sides_below, bends_below = self.loss()
        theta[position] = kept
        same = all((p == q).all() for p, q in zip(sides_above, sides_below, strict=True))
        if not over_joints and bends_above is not None and bends_below is not None:
            same = same and bool((bends_above == bends_below).all())
        return (above - below) / (2 * h) if same else None


def _spread(n: int, sample: int | None, seed: int) -> list[int]:
    """Return about `sample` of 0 … n-1, spread evenly; all of them for None.

    Multiples of the golden ratio: equal steps would stay in the same columns of W.
    """
    if sample is None or sample >= n:
        return list(range(n))
    golden = (math.sqrt(5) - 1) / 2
    return sorted({(seed + int(n * (k * golden % 1))) % n for k in range(sample)})
