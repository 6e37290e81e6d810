"""Where a parameter's value comes from: which examples push it, and what would be without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou.activations import Array
from tongtou.datasets.dataset import Dataset
from tongtou.explanation.counterfactuals import Outcome, Sections
from tongtou.explanation.lessons import lesson_on
from tongtou.explanation.questions import plain
from tongtou.explanation.removals import said_of, shown
from tongtou.explanation.rule import checked_parameter
from tongtou.history import History
from tongtou.i18n import text
from tongtou.settings import checked_number, checked_whole

Wide = Array


_TOLD = {
    "nudged_up": "provenance.nudged_up",
    "nudged_down": "provenance.nudged_down",
    "zeroed": "provenance.zeroed",
    "flipped": "provenance.flipped",
}


@dataclass(frozen=True)
class Push:
    """One example's part: `row` in the data, its gradient dC_i/dtheta, and its right answer."""

    row: int
    gradient: float
    answer: Any


@dataclass(frozen=True, eq=False)
class Provenance:
    """What is known of one parameter.

    Attributes
    ----------
    layer, name, index
        Which it is.
    value : float
    n : int
        Examples.
    gradients : ndarray of float64, shape (n,)
        dC_i/dtheta of each example's own loss. Descent moves the value the other way.
    mean, spread : float
        Mean of these (it is dC/dtheta) and their standard deviation.
    pushed_up, pushed_down : tuple of Push
        The examples that push the value up (gradient below 0) and down the most, strongest first.
    now : Outcome
        Loss and accuracy as the network is.
    outcomes : dict of str to Outcome
        "nudged_up" and "nudged_down" (by `nudge`), "zeroed", "flipped" (the sign turned).
    nudge : float
        How far it was nudged.
    steps, values : ndarray, shape (k,)
        Its history, where the run was recorded: step and value at each state kept; else empty.
    """

    layer: int
    name: str
    index: tuple[int, ...]
    value: float
    gradients: Wide
    pushed_up: tuple[Push, ...]
    pushed_down: tuple[Push, ...]
    now: Outcome
    outcomes: Mapping[str, Outcome]
    nudge: float
    steps: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    values: Wide = field(default_factory=lambda: np.empty(0))

    @property
    def n(self) -> int:
        """Examples."""
        return len(self.gradients)

    @property
    def mean(self) -> float:
        """dC/dtheta: the mean over the examples."""
        return float(self.gradients.mean())

    @property
    def spread(self) -> float:
        """Standard deviation of the examples' gradients."""
        return float(self.gradients.std())

    @property
    def share_up(self) -> float:
        """The share of examples that push the value up; those with gradient 0 push nowhere."""
        return float((self.gradients < 0).mean())

    @property
    def share_down(self) -> float:
        """The share of examples that push the value down."""
        return float((self.gradients > 0).mean())

    def to_dict(self) -> dict[str, Any]:
        """Return all but the single gradients, ready for JSON."""
        return {
            "layer": self.layer,
            "name": self.name,
            "index": list(self.index),
            "value": self.value,
            "n": self.n,
            "mean": self.mean,
            "spread": self.spread,
            "share_up": self.share_up,
            "share_down": self.share_down,
            "pushed_up": [vars(one) for one in self.pushed_up],
            "pushed_down": [vars(one) for one in self.pushed_down],
            "now": self.now.to_dict(),
            "nudge": self.nudge,
            "outcomes": {key: one.to_dict() for key, one in self.outcomes.items()},
            "history": {"steps": self.steps.tolist(), "values": self.values.tolist()},
        }

    def __str__(self) -> str:
        where = f"{self.name}[{self.layer}][{', '.join(map(str, self.index))}]"
        lines = [
            f"{where} = {shown(self.value)}",
            text(
                "provenance.gradient",
                n=f"{self.n:,}",
                mean=shown(self.mean),
                spread=shown(self.spread),
                up=f"{self.share_up:.1%}",
                down=f"{self.share_down:.1%}",
            ),
        ]
        for key, outcome in self.outcomes.items():
            said = text(_TOLD[key], by=shown(self.nudge))
            lines.append(f"{said} {said_of(self.now, outcome)}")
        if len(self.steps):
            low, high = shown(float(self.values.min())), shown(float(self.values.max()))
            first = shown(float(self.values[0]))
            step = f"{int(self.steps[0]):,}"
            lines.append(text("provenance.history", first=first, step=step, low=low, high=high))
        return "\n".join(lines)


def provenance(
    model: Any,
    data: Dataset | tuple[ArrayLike, ArrayLike],
    layer: int,
    name: str,
    index: int | Sequence[int],
    *,
    n_examples: int = 5,
    nudge: float | None = None,
    history: History | None = None,
) -> Provenance:
    """Return where one weight or bias comes from and what hangs on it.

    ::

        dC_i/dW_ji[l] = (dC_i/dz_j[l]) a_i[l-1]         dC_i/db_j[l] = dC_i/dz_j[l]

    for every example i of the data in one pass.

    Parameters
    ----------
    model : Network, or a fitted estimator
        Left as it is.
    data : Dataset or (X, y)
    layer : int
        1 … L.
    name : "W" or "b"
    index : (j, i) of a weight, j of a bias
    n_examples : int
        How many examples to name in each direction.
    nudge : float, optional
        By default a tenth of the root mean square of the layer's weights.
    history : History, optional
        Of a recorded run; by default `net.history`. Without a recording there is no history.

    Returns
    -------
    Provenance

    Raises
    ------
    ShapeError, DataError
        As for `Network.loss`.
    ValueError
        There is no such parameter, or a setting is out of its range.

    Notes
    -----
    Z of the layer, and what follows from a changed one, are the kernel's; deltas are float64. What
    another value would do is found by changing one weighted sum of each example, so that layers
    before it are computed once. Single weights hardly matter; whole neurons do: see `removal`.
    60,000 digits and the lesson's network: 0.1 s.

    Examples
    --------
    >>> import tongtou as tt
    >>> from tongtou.explanation.origins import provenance
    >>> net = tt.Network([1, 1], output="linear", dtype="float64")
    >>> net.layers[0].W = [[2.0]]
    >>> found = provenance(net, ([[3.0], [1.0]], [[5.0], [2.0]]), 1, "W", (0, 0))
    >>> found.gradients.tolist(), found.mean, found.pushed_down[0].row
    ([6.0, 0.0], 3.0, 0)
    >>> found.outcomes["zeroed"].loss  # (0 - 5)^2 and (0 - 2)^2
    14.5
    """
    lesson = lesson_on(model, data)
    net = lesson.network
    layer, name, index = checked_parameter(net, layer, name, index)
    n_examples = checked_whole("n_examples", n_examples, 0)
    theta = getattr(net.layers[layer - 1], name)
    value = float(theta[index])
    if nudge is None:
        scale = float(np.sqrt(np.square(net.layers[layer - 1].W.astype(np.float64)).mean()))
        nudge = 0.1 * (scale or 1.0)
    else:
        nudge = checked_number("nudge", nudge, 0.0, above=True)
    others = {
        "nudged_up": value + nudge,
        "nudged_down": value - nudge,
        "zeroed": 0.0,
        "flipped": -value,
    }
    sections = Sections(lesson, layer)
    column = index[1] if name == "W" else None
    gradients, now, outcomes = sections.of_parameter(
        index[0], column, [other - value for other in others.values()]
    )
    names = net.classes
    up, down = np.empty(0, np.int64), np.empty(0, np.int64)
    if n_examples:
        k = min(n_examples, len(gradients))
        up = np.argpartition(gradients, k - 1)[:k]
        up = up[np.lexsort((up, gradients[up]))]
        down = np.argpartition(-gradients, k - 1)[:k]
        down = down[np.lexsort((down, -gradients[down]))]

    def pushes(rows: NDArray[np.int64]) -> tuple[Push, ...]:
        return tuple(
            Push(int(i), float(gradients[i]), _answer(lesson.answers[i], names)) for i in rows
        )

    steps, values = _course(history if history is not None else net.history, layer, name, index)
    return Provenance(
        layer,
        name,
        index,
        value,
        gradients,
        pushes(up[gradients[up] < 0]),
        pushes(down[gradients[down] > 0]),
        now,
        dict(zip(others, outcomes, strict=True)),
        nudge,
        steps,
        values,
    )


def _answer(answer: Any, names: tuple[Any, ...]) -> Any:
    """Return the right answer, ready for JSON: the class by name where it has one."""
    if np.ndim(answer) == 0 and names:
        return plain(names[int(answer)])
    return plain(answer)


def _course(
    history: History | None, layer: int, name: str, index: tuple[int, ...]
) -> tuple[NDArray[np.int64], Wide]:
    """Return the steps and values that a recording has of a parameter."""
    if history is None or history.recording is None:
        return np.empty(0, np.int64), np.empty(0)
    return history.recording.course_of(layer, name, index)
