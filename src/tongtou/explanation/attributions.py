"""What each input adds to an answer, by four methods that mean different things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou.choices import choose
from tongtou.evaluation import as_float64
from tongtou.explanation.attribution_methods import METHODS, Number, Settings
from tongtou.explanation.questions import checked_example, class_number, plain
from tongtou.explanation.slopes import Wide
from tongtou.i18n import text
from tongtou.settings import checked_number, checked_whole

if TYPE_CHECKING:
    from tongtou.network import Network


_SENTENCES = {
    "gradient": ("attribution.gradient", "attribution.gradient_over"),
    "gradient_x_input": ("attribution.gradient_x_input", "attribution.gradient_x_input_over"),
    "integrated": ("attribution.integrated", "attribution.integrated_over"),
    "occlusion": ("attribution.occlusion", "attribution.occlusion_over"),
}
"""What is said of each method: for one answer, and for one over another."""


@dataclass(frozen=True, eq=False)
class Attribution:
    """A share of F(x) for every input, where F is one number the network computes.

    Attributes
    ----------
    method : str
        gradient, gradient_x_input, occlusion or integrated.
    answer, over : class name or number
        F is the weighted sum (or output) of `answer`, minus that of `over` if it is not None.
    quantity : str
        "z", the weighted sums before the last activation, or "a", the outputs.
    values : ndarray of float64
        One for each input, of the shape of a picture where that is known.
    value : float
        F(x).
    baseline_value : float or None
        F(baseline); None where the method has no baseline.
    steps : int or None
        Of the midpoint rule (integrated).
    gap : float or None
        |sum of values - (F(x) - F(baseline))| / |F(x) - F(baseline)| (integrated).
    complete : bool or None
        Whether the gap is under the tolerance (integrated).
    """

    method: str
    answer: Any
    over: Any
    quantity: str
    values: Wide
    value: float
    baseline_value: float | None = None
    steps: int | None = None
    gap: float | None = None
    complete: bool | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        said = {name: plain(value) for name, value in self.__dict__.items()}
        # JSON has no infinity: a gap of a difference that is 0
        return said | {"gap": None if self.gap is None or np.isinf(self.gap) else self.gap}

    def __str__(self) -> str:
        alone, beside = _SENTENCES[self.method]
        said = text(alone if self.over is None else beside, answer=self.answer, over=self.over)
        if self.gap is None:
            return said
        key = "attribution.complete" if self.complete else "attribution.incomplete"
        return said + text(key, gap=f"{self.gap:.2g}", steps=f"{self.steps:,}")


def attribution(
    net: Network,
    x: ArrayLike,
    method: str = "gradient",
    *,
    of: Any = None,
    over: Any = None,
    quantity: str = "z",
    baseline: ArrayLike = 0.0,
    patch: int | None = None,
    stride: int = 1,
    tolerance: float = 0.001,
    max_steps: int = 65536,
) -> Attribution:
    """Return what each input adds to F, the score of one output or the difference of two.

    ::

        gradient            dF/dx_i
        gradient_x_input    x_i dF/dx_i
        occlusion           F(x) - F(x with a patch at its baseline), the mean over the patches
                            that cover i
        integrated          (x_i - x'_i) (1/n) sum_k dF/dx_i at x' + (k - 1/2)/n (x - x'), k = 1 … n

    Parameters
    ----------
    net : Network
    x : array_like of n_in values
        uint8 pixels count as 0 … 1.
    method : str
        One of the four.
    of : class name or number, optional
        Whose score; by default the answer's (the first output's where it predicts numbers). Where
        one output decides between two classes the first class has its score with a minus.
    over : class name or number, optional
        Whose score to subtract.
    quantity : "z" or "a"
        Weighted sums, or outputs, which hardly move once they saturate.
    baseline : float or array_like of n_in values
        x', for occlusion and integrated: 0 is black, and the mean of a standardised column.
    patch, stride : int
        For occlusion: side of the square (by default 3 pixels in a picture, 1 input elsewhere), and
        the way from one to the next, at most the side. The last one is moved back to end where the
        picture ends.
    tolerance : float
        For integrated: steps are doubled until the gap is below it.
    max_steps : int
        For integrated: no more steps than these.

    Returns
    -------
    Attribution
        ``.values`` has the shape of the picture; ``.gap`` says how far an integrated one is from
        adding up.

    Raises
    ------
    ShapeError
        x is not one example, or the baseline or the patch does not fit it.
    DataError
        x or the baseline is not finite.
    ValueError
        A name or a setting is unknown or out of range.

    Notes
    -----
    Gradients are float64 with the network's weights; occlusion puts every patched input to the
    kernel. F along the line of `integrated` needs the first layer twice only, for Z[1] is linear in
    it. A path that crosses a step jumps where the gradient is 0: the gap shows it.

    References
    ----------
    Sundararajan, Taly and Yan (2017), "Axiomatic Attribution for Deep Networks", equation 1.
    Zeiler and Fergus (2014), "Visualizing and Understanding Convolutional Networks", section 4.2.

    Examples
    --------
    >>> import tongtou as tt
    >>> net = tt.Network([2, 1], output="linear", loss="mse", initializer="zeros")
    >>> net.layers[0].W = [[3.0, -1.0]]
    >>> found = attribution(net, [2.0, 4.0], "integrated")
    >>> found.values, found.value
    (array([ 6., -4.]), 2.0)
    """
    compute = choose("attribution method", method, METHODS)
    if quantity not in ("z", "a"):
        raise ValueError(f'quantity must be "z" or "a"; it is {quantity!r}.')
    row = checked_example(net, x)
    number, minus, c = _weights(net, row, of, over)
    F = Number(net, row, c, quantity)
    settings = Settings(
        baseline=_checked_baseline(baseline, net),
        patch=None if patch is None else checked_whole("patch", patch, 1),
        stride=checked_whole("stride", stride, 1),
        tolerance=checked_number("tolerance", tolerance, 0.0, above=True),
        max_steps=checked_whole("max_steps", max_steps, 1),
        shape=_shape(net, x),
    )
    values, said = compute(F, settings)
    return Attribution(
        method,
        number,
        minus,
        quantity,
        values.reshape(settings.shape or -1),
        float(F.of(row)[0]),
        **said,
    )


def _weights(net: Network, row: NDArray[Any], of: Any, over: Any) -> tuple[Any, Any, Wide]:
    """Return the names of both outputs and c with F = c · scores."""
    n_out = net.sizes[-1]
    c = np.zeros(n_out)
    if n_out == 1 and net.is_classifier:
        if over is not None:
            raise ValueError("the network has one output, so there is none to subtract; leave "
                             "`over` out.")  # fmt: skip
        pair = net.classes or (0, 1)
        now = int(net.predict_proba(row)[0, 0] >= 0.5)
        k = now if of is None else class_number(of, pair)
        c[0] = 1.0 if k else -1.0  # the one score speaks for the second class
        return plain(pair[k]), None, c
    names = net.classes or tuple(range(n_out))
    if of is not None:
        k = class_number(of, names, "output")
    else:
        k = int(net.predict_proba(row)[0].argmax()) if net.is_classifier else 0
    c[k] = 1.0
    if over is None:
        return plain(names[k]), None, c
    other = class_number(over, names, "output")
    if other == k:
        raise ValueError(f"`over` must be another output than {names[k]!r}; leave one of them out.")
    c[other] = -1.0
    return plain(names[k]), plain(names[other]), c


def _shape(net: Network, x: ArrayLike) -> tuple[int, ...]:
    own = np.shape(x)
    return net.input_shape or (own if len(own) in (2, 3) and own[0] > 1 else ())


def _checked_baseline(baseline: ArrayLike, net: Network) -> Wide:
    array = np.asarray(baseline)
    if array.ndim == 0:
        return np.full(net.sizes[0], checked_number("baseline", array.item(), -np.inf))
    numbers: Wide = as_float64(checked_example(net, baseline))[0]
    return numbers
