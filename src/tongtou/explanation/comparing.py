"""Two recorded runs side by side, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tongtou.explanation.formulas import number, significant
from tongtou.history import History
from tongtou.i18n import text
from tongtou.settings import checked_whole

if TYPE_CHECKING:
    from tongtou.network import Network
    from tongtou.training.tape import Recording

Wide = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Comparison:
    """How two runs part.

    Attributes
    ----------
    steps : ndarray of int64, shape (k,)
        Where they were compared.
    distance : ndarray of float64, shape (k,)
        |theta_a - theta_b|, all weights and biases as one vector.
    by_layer : ndarray of float64, shape (k, L)
        The same of each layer.
    travelled : ndarray of float64, shape (k, 2)
        |theta - theta_first| of either run: how far it has come.
    cosine : ndarray of float64, shape (k,)
        Of the angle between the ways that they have come: 1 the same direction; 0 before either
        has moved.
    equal_until : int
        The last step up to which all bits are the same; -1 where the first compared differ.
    n_steps : tuple of int
        Of either run. They are compared as far as both go.
    """

    steps: NDArray[np.int64]
    distance: Wide
    by_layer: Wide
    travelled: Wide
    cosine: Wide
    equal_until: int
    n_steps: tuple[int, int]

    @property
    def same(self) -> bool:
        """Whether all bits are the same to the last step compared."""
        return self.equal_until == int(self.steps[-1])

    def to_dict(self) -> dict[str, Any]:
        """Return all, ready for JSON."""
        names = ("steps", "distance", "by_layer", "travelled", "cosine")
        arrays = {name: getattr(self, name).tolist() for name in names}
        return {**arrays, "equal_until": self.equal_until, "n_steps": list(self.n_steps)}

    def __str__(self) -> str:
        if self.same:
            return text("compare.same", n=f"{self.equal_until - int(self.steps[0]):,}")
        far = float(self.travelled[-1].max())
        values = {
            "distance": number(significant(float(self.distance[-1]), 3)),
            "share": f"{float(self.distance[-1]) / far if far else 1.0:.0%}",
        }
        if self.equal_until < 0:
            return text("compare.apart", **values)
        return text("compare.parted", step=f"{self.equal_until:,}", **values)


def compare(a: History | Recording, b: History | Recording, every: int | None = None) -> Comparison:
    """Compare two recorded runs step by step.

    Parameters
    ----------
    a, b : History or Recording
        Of networks of the same sizes; usually from the same start.
    every : int, optional
        Steps from one comparison to the next; by default about 100 comparisons. The step at which
        they part is found to the step in any case.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        A run was not recorded, the networks differ in sizes, or no step is in both recordings.

    Notes
    -----
    Both runs are made once more, side by side: it takes as long as training did.

    Examples
    --------
    >>> import tongtou as tt
    >>> from tongtou.explanation.comparing import compare
    >>> data = [[0.0, 1.0], [1.0, 0.0]], [0, 1]
    >>> def run(rate):
    ...     told = {"optimizer": tt.SGD(rate), "batch_size": 1, "epochs": 3, "recording": True}
    ...     return tt.fit(tt.Network([2, 2]), data, **told)
    >>> print(compare(run(0.5), run(0.5)))
    the same to the last bit, for all 6 steps
    >>> compare(run(0.5), run(0.4)).equal_until
    0
    """
    one, other = _recording(a), _recording(b)
    sizes = [list(tape.legs[0].net.sizes) for tape in (one, other)]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"the networks must have the same sizes; they have {sizes[0]} and {sizes[1]}."
        )
    first, last = max(one.earliest, other.earliest), min(one.n_steps, other.n_steps)
    if first > last:
        raise ValueError(
            f"no step is in both recordings: they begin at {one.earliest} and {other.earliest} and "
            f"end at {one.n_steps} and {other.n_steps}."
        )
    every = max(1, (last - first) // 100) if every is None else checked_whole("every", every, 1)
    ends = np.cumsum([layer.n_parameters for layer in one.legs[0].net.layers])[:-1]
    begin: tuple[Wide, Wide] | None = None
    found, equal_until = [], -1
    parted = False
    for step, p, q in _both(one, other, first, last, every):
        theta = _flat(p), _flat(q)
        begin = begin or theta
        if not parted and _bits(p) == _bits(q):
            equal_until = step
        elif not parted:
            parted = True
            if equal_until >= 0:
                equal_until = _last_equal(one, other, equal_until, step)
        ways = theta[0] - begin[0], theta[1] - begin[1]
        lengths = [float(np.linalg.norm(way)) for way in ways]
        product = lengths[0] * lengths[1]
        squares = np.square(theta[0] - theta[1])
        layers = [float(np.sqrt(part.sum())) for part in np.split(squares, ends)]
        cosine = float(ways[0] @ ways[1]) / product if product else 0.0
        found.append((step, float(np.linalg.norm(theta[0] - theta[1])), layers, lengths, cosine))
    steps, distance, by_layer, travelled, cosines = zip(*found, strict=True)
    return Comparison(
        np.array(steps, np.int64),
        np.array(distance),
        np.array(by_layer),
        np.array(travelled),
        np.array(cosines),
        equal_until,
        (one.n_steps, other.n_steps),
    )


def _recording(run: Any) -> Recording:
    tape = run.recording if isinstance(run, History) else run
    if tape is None or not getattr(tape, "legs", None):
        raise ValueError("both runs must be recorded; train with tt.fit(…, recording=True).")
    found: Recording = tape
    return found


def _both(
    one: Recording, other: Recording, first: int, last: int, every: int
) -> Iterator[tuple[int, Network, Network]]:
    """Go through both runs together."""
    for (step, p), (also, q) in zip(
        one.walk(every, first, last), other.walk(every, first, last), strict=True
    ):
        assert step == also
        yield step, p, q


def _last_equal(one: Recording, other: Recording, equal: int, apart: int) -> int:
    """Return the last step before `apart` at which they are the same, stepping one by one."""
    for step, p, q in _both(one, other, equal, apart, 1):
        if _bits(p) != _bits(q):
            return step - 1
    return apart


def _bits(net: Network) -> bytes:
    return net._parameters.tobytes()


def _flat(net: Network) -> Wide:
    arrays = [a for layer in net.layers for a in (layer.W, layer.b)]
    return np.concatenate([a.astype(np.float64).reshape(-1) for a in arrays])
