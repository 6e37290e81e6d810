"""The proof of backpropagation: analytic gradients against central differences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

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
    """

    checked: tuple[ParameterCheck, ...]
    scale: float
    tolerance: float
    n_parameters: int

    @property
    def max_error(self) -> float:
        """Largest difference, relative to the largest gradient."""
        return self.checked[0].error / self.scale if self.scale else self.checked[0].error

    @property
    def passed(self) -> bool:
        """Whether every difference is within the tolerance."""
        return self.max_error <= self.tolerance

    def __str__(self) -> str:
        worst = self.checked[0]
        index = ", ".join(map(str, worst.index))
        return (
            f"gradient check {'passed' if self.passed else 'FAILED'}: {len(self.checked):,} of "
            f"{self.n_parameters:,} parameters, largest error {self.max_error:.1e} of the largest "
            f"gradient {self.scale:.3g} (allowed {self.tolerance:.0e}); worst {worst.name}[{index}] "
            f"of layer {worst.layer}: {worst.analytic:.9g} against {worst.numeric:.9g}"
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

    Notes
    -----
    At a kink (relu at 0) the two sides may differ rightly; an example that lies within `step` of
    one can fail the check.

    Examples
    --------
    >>> import numpy as np, tongtou as tt
    >>> net = tt.Network([3, 4, 2], seed=1)
    >>> tt.gradient_check(net, np.eye(3), [0, 1, 1]).passed
    True
    """
    double = net.astype(np.float64)
    inputs, answers = checked_examples(X, y, double.blueprint)
    analytic = double.gradients(inputs, answers)
    weights = [layer.W.copy() for layer in double.layers]
    biases = [layer.b.copy() for layer in double.layers]
    targets = dense_answers(answers, net.sizes[-1]).astype(np.float64)
    pixels = evaluation.as_float64(inputs)

    def loss() -> float:
        return reference.loss(
            weights, biases, double.blueprint.activations, net.loss_function, pixels, targets
        )

    found = []
    for l, gradient in enumerate(analytic):
        for name, theta, known in (("W", weights[l], gradient.W), ("b", biases[l], gradient.b)):
            flat = theta.reshape(-1)  # a view: weights are C-ordered copies
            for position in _spread(flat.size, None if name == "b" else sample, seed):
                kept = flat[position]
                flat[position] = kept + step
                above = loss()
                flat[position] = kept - step
                below = loss()
                flat[position] = kept
                index = tuple(int(i) for i in np.unravel_index(position, theta.shape))
                found.append(
                    ParameterCheck(
                        l + 1, name, index, float(known[index]), (above - below) / (2 * step)
                    )
                )
    found.sort(key=lambda one: -one.error)
    scale = max(max(abs(one.analytic), abs(one.numeric)) for one in found)
    return GradientCheck(tuple(found), scale, tolerance, net.n_parameters)


def _spread(n: int, sample: int | None, seed: int) -> list[int]:
    """Return about `sample` of 0 … n-1, evenly spread; all of them for None."""
    if sample is None or sample >= n:
        return list(range(n))
    return [(seed + int(k * n / sample)) % n for k in range(sample)]
