"""Two gates before an answer: is it ambiguous, and is it anything like what was learnt?"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou import evaluation, randomness
from tongtou.boundary import as_array, checked_inputs
from tongtou.datasets.dataset import Dataset
from tongtou.errors import DataError
from tongtou.evaluation import Blueprint
from tongtou.honesty.confidence import labelled, peaks, temperature_of
from tongtou.honesty.density import TYPICAL, Density
from tongtou.honesty.risk import Curve, Promise
from tongtou.losses import LOSSES
from tongtou.network import Network
from tongtou.settings import checked_number, checked_whole

if TYPE_CHECKING:
    from tongtou.honesty.answers import Answers

Array = NDArray[np.float64]
INPUT_COMPONENTS = 48
Z1_COMPONENTS = 32
CHECKS = ("input", "z1", "outputs")
_RANKED = 10_000
"""Examples learnt from that the rank temperature is taken from; more would not change it."""
_MANY = 5
"""Classes from which on a likeliest pair that is not likely says that it is none of them."""


@dataclass(frozen=True, eq=False)
class Gates:
    """What was learnt about when to say "I don't know", kept with the network.

    Attributes
    ----------
    temperature : float
        By which weighted sums are divided before softmax tells calibrated confidences.
    rank_temperature : float
        By which they are divided before scores are compared. From examples learnt from, so that
        the score does not know those that the promise is proved by.
    curve : Curve
        Scores of the held-out examples that pass the novelty gate, and which are answered wrongly.
    input, z1 : Density
        Of the inputs, and of the first layer's weighted sums.
    pair : float or None
        The least log odds of the two likeliest classes together against all others; None where
        there are fewer than five classes.
    false_refusals : float
        The share of held-out examples that novelty might refuse at most.
    refused : float
        The share it does refuse.
    n_learnt, n_held : int
        Examples that the densities, and that thresholds and temperature were taken from.
    total : float
        The sum of the network's parameters, by which is seen that it went on learning.
    """

    temperature: float
    rank_temperature: float
    curve: Curve
    input: Density
    z1: Density
    pair: float | None
    false_refusals: float
    refused: float
    n_learnt: int
    n_held: int
    total: float
    _promises: dict[float, Promise] = field(default_factory=dict, repr=False)

    def promise(self, risk: str | float) -> Promise:
        """Return what can be promised at a risk such as "1%" or 0.01.

        Raises
        ------
        ValueError
            The risk is no share between 0 and 1.
        """
        asked = checked_risk(risk)
        if asked not in self._promises:
            self._promises[asked] = self.curve.promise(asked)
        return self._promises[asked]

    def peaks(self, z: Array) -> tuple[Array, Array]:
        """Return the score and the log odds of the likeliest pair, of each row of logits."""
        return peaks(z / self.rank_temperature)

    def excesses(self, net: Network, inputs: NDArray[Any], z: Array) -> Array:
        """Return how far each check is exceeded, (n, 3) in the order of CHECKS; above 1 is novel.

        `inputs` are checked ones, `z` their `logits`.
        """
        x = evaluation.as_float64(inputs)
        found = np.zeros((len(x), len(CHECKS)))
        found[:, 0] = self.input.excess(x)
        found[:, 1] = self.z1.excess(first_sums(net, inputs))
        if self.pair is not None:
            # Log odds may be negative, so the difference stands in the exponent.
            found[:, 2] = np.exp(np.minimum(self.pair - self.peaks(z)[1], 700.0))
        return found

    def check_belongs(self, net: Network) -> None:
        """Refuse a network that is not the one these gates were taken from."""
        if len(self.input.mean) != net.sizes[0] or len(self.z1.mean) != net.sizes[1]:
            raise DataError(
                f"these gates are for {len(self.input.mean)} inputs and {len(self.z1.mean)} "
                f"neurons in the first layer; the network has {net.sizes[0]} and {net.sizes[1]}. "
                "Take gates of it: net.gates = tt.honesty.gates(net, data)."
            )
        if not math.isclose(total_of(net), self.total, rel_tol=1e-6, abs_tol=1e-6):
            raise DataError(
                "the parameters of the network changed after its gates were taken, so what they "
                "promise no longer holds. Take them again: net.gates = tt.honesty.gates(net, data)."
            )

    def answers(self, net: Network, X: ArrayLike | Dataset, risk: str | float) -> Answers:
        """Return the answers of `net` to X, or why there is none; see `tongtou.honesty.Answers`."""
        from tongtou.honesty.answers import answers

        return answers(net, self, X, risk)

    def to_dict(self) -> dict[str, Any]:
        """Return them ready for JSON, without the tensors."""
        return {
            "temperature": self.temperature,
            "rank_temperature": self.rank_temperature,
            "false_refusals": self.false_refusals,
            "refused": self.refused,
            "n_learnt": self.n_learnt,
            "n_held": self.n_held,
            "pair": self.pair,
            "input": self.input.to_dict(),
            "z1": self.z1.to_dict(),
            "curve": {
                "n": self.curve.n,
                "score": self.curve.score.tolist(),
                "answered": self.curve.answered.tolist(),
                "wrong": self.curve.wrong.tolist(),
            },
        }

    def __repr__(self) -> str:
        return (
            f"Gates(temperature={self.temperature:.3f}, {len(self.input.scale)} + "
            f"{len(self.z1.scale)} components, {self.n_held:,} held out, "
            f"{self.refused:.2%} of them refused as novel)"
        )


def gates(
    net: Network,
    data: Dataset | tuple[ArrayLike, ArrayLike],
    validation: int | float | Dataset | tuple[ArrayLike, ArrayLike] | None = None,
    *,
    seed: int | None = None,
    false_refusals: float = 0.01,
    components: tuple[int, int] = (INPUT_COMPONENTS, Z1_COMPONENTS),
) -> Gates:
    """Return the gates of a trained classifier; keep them: ``net.gates = tt.honesty.gates(…)``.

    ::

        ambiguity   score = u_(1) - log sum_{j>1} exp(u_(j)), u = z[L] / T, against the risk asked
        novelty     two distances of the inputs, two of the first layer's weighted sums, and the
                    odds of the two likeliest classes together: all within bounds

    Temperature and all thresholds are taken from held-out examples, the densities from the others.

    Parameters
    ----------
    net : Network
        Trained.
    data : Dataset or (X, y)
        What it was trained on, the held-out examples included.
    validation : int, float, Dataset or (X, y), optional
        The examples that were held out, as `tt.fit` was told: a number or share of `data`, or
        examples of their own. By default what `net.recipe` says.
    seed : int, optional
        Of that split; by default what `net.recipe` says.
    false_refusals : float
        The share of held-out examples that novelty may refuse, 0.01 by default.
    components : tuple of two int
        The most directions of the densities of inputs and of z of layer 1.

    Returns
    -------
    Gates

    Raises
    ------
    ShapeError, DataError
        The network answers with numbers or several labels, the data do not fit, there are no
        held-out examples, or fewer than 100.
    ValueError
        A setting is out of its range.

    Notes
    -----
    Less than a second for the digits. The 48 + 32 components of a 784-256-128-10 network take
    190 kB in its file. What is promised holds for examples that come about as those held out did.

    References
    ----------
    Temperature: Guo and others (2017). Distances to a Gaussian of features: Lee, Lee, Lee and
    Shin (2018), "A simple unified framework for detecting out-of-distribution samples".

    Examples
    --------
    >>> import tongtou as tt
    >>> digits = tt.datasets.mnist().train[:6000]
    >>> net = tt.Network([784, 16, 10], seed=0)
    >>> history = tt.fit(net, digits, epochs=3, validation=1000, progress=False)
    >>> net.gates = tt.honesty.gates(net, digits)
    >>> answers = net.predict(digits.X[:0], abstain="10%")
    >>> len(answers)
    0
    """
    false_refusals = checked_number("false_refusals", false_refusals, 0.0, 0.5, above=True)
    most = [checked_whole("components", one, 1) for one in components]
    learnt, held = split(net, data, validation, seed=seed)
    z, y = labelled(net, *held)
    if len(y) < 100:
        raise DataError(
            f"gates need at least 100 held-out examples for their thresholds; there are {len(y)}. "
            "Hold more out, for example with validation=0.2."
        )
    learnt_x, held_x = (checked_inputs(X, net.blueprint) for X in (learnt[0], held[0]))
    of_input = Density.of(_as_float32(learnt_x), most[0])
    of_z1 = Density.of(first_sums(net, learnt_x), most[1])
    some = np.unique(np.linspace(0, learnt_x.shape[0] - 1, _RANKED).astype(np.int64))
    rank_temperature = temperature_of(*labelled(net, learnt_x[some], learnt[1][some]))
    score, pair = peaks(z / rank_temperature)
    has_pair = z.shape[1] >= _MANY
    densities = ((of_input, evaluation.as_float64(held_x)), (of_z1, first_sums(net, held_x)))
    columns = [one for density, x in densities for one in density.distances(x)]
    two_sided = [n >= TYPICAL for density, _ in densities for n in density.dimensions]
    bounds, novel = bounded(columns, two_sided, pair if has_pair else None, false_refusals)
    n = len(of_input.bounds)
    wrong = z.argmax(axis=1) != y
    return Gates(
        temperature=temperature_of(z, y),
        rank_temperature=rank_temperature,
        curve=Curve.of(score[~novel], wrong[~novel]),
        input=of_input.bounded(bounds[:n]),
        z1=of_z1.bounded(bounds[n : n + len(of_z1.bounds)]),
        pair=bounds[-1][0] if has_pair else None,
        false_refusals=false_refusals,
        refused=float(novel.mean()),
        n_learnt=int(learnt_x.shape[0]),
        n_held=len(y),
        total=total_of(net),
    )


def bounded(
    columns: list[Array], two_sided: list[bool], pair: Array | None, rate: float
) -> tuple[list[tuple[float, float]], NDArray[np.bool_]]:
    """Return bounds under which at most this share of the examples is refused, and which are.

    The odds of the likeliest pair may refuse half of the share. Of the others as many examples lie
    beyond each bound as beyond any other, as many as the share allows.
    """
    sides = [(np.sort(one), low) for one, low in zip(columns, two_sided, strict=True)]
    n = len(columns[0])

    def at(rank: int) -> tuple[list[tuple[float, float]], NDArray[np.bool_]]:
        found = [
            (float(rising[rank]) if low else 0.0, float(rising[n - 1 - rank]))
            for rising, low in sides
        ]
        outside = [
            (one < low) | (one > high) for one, (low, high) in zip(columns, found, strict=True)
        ]
        if pair is not None:
            found.append((float(np.sort(pair)[int(rate * n / 2)]), math.inf))
            outside.append(pair < found[-1][0])
        return found, np.any(outside, axis=0)

    low, high = 0, max(1, math.ceil(rate * n) + 1)  # at(low) refuses nothing
    while high - low > 1:
        middle = (low + high) // 2
        if at(middle)[1].mean() <= rate:
            low = middle
        else:
            high = middle
    return at(low)


def split(
    net: Network,
    data: Dataset | tuple[ArrayLike, ArrayLike],
    validation: int | float | Dataset | tuple[ArrayLike, ArrayLike] | None = None,
    *,
    seed: int | None = None,
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Return (X, y) of the examples learnt from and of those held out, as `tt.fit` split them.

    Parameters as for `gates`.

    Raises
    ------
    DataError
        No example was held out.
    """
    X, y = (data.X, data.y) if isinstance(data, Dataset) else (as_array(data[0]), as_array(data[1]))
    if isinstance(validation, Dataset):
        return (X, y), (validation.X, validation.y)
    if isinstance(validation, tuple):
        return (X, y), (as_array(validation[0]), as_array(validation[1], "y"))
    n, recipe = len(y), net.recipe
    n_held = recipe.get("n_validation", 0) if validation is None else validation
    n_held = round(n_held * n) if isinstance(n_held, float) and n_held < 1 else int(n_held)
    if not 0 < n_held < n:
        raise DataError(
            f"thresholds need examples that were not learnt from; of these {n:,} examples "
            f"{n_held:,} were held out. Train with tt.fit(…, validation=0.1), or give examples of "
            "their own: validation=(X, y)."
        )
    order = randomness.order(
        recipe.get("seed", 0) if seed is None else seed, 0, n, randomness.SPLIT
    )
    held, learnt = np.sort(order[:n_held]), np.sort(order[n_held:])
    return (X[learnt], y[learnt]), (X[held], y[held])


def checked_risk(risk: str | float) -> float:
    """Return a risk such as "1%", "0.3 %" or 0.01 as a share.

    Raises
    ------
    ValueError
        It is no such text or number, or not between 0 and 1.
    """
    value: Any = risk
    if isinstance(risk, str):
        stripped = risk.strip().removesuffix("%").strip()
        try:
            value = float(stripped) / (100 if risk.strip().endswith("%") else 1)
        except ValueError:
            raise ValueError(
                f'the risk must be such as "1%" or 0.01, a share of wrong answers; got {risk!r}.'
            ) from None
    return checked_number(
        "the risk, a share of wrong answers,", value, 0.0, 1.0, above=True, below=True
    )


def first_sums(net: Network, inputs: NDArray[Any]) -> Array:
    """Return Z[1] of checked inputs, (n, n_1), as the kernel computes it."""
    whole = net.blueprint
    part = Blueprint(whole.sizes[:2], whole.activations[:1], LOSSES["sse"], whole.dtype)
    plan = part.plan() if evaluation.kernel else None
    parameters = net._parameters[: part.offsets()[-1]]
    sums: Array = evaluation.outputs(part, plan, parameters, inputs, True).astype(np.float64)
    return sums


def total_of(net: Network) -> float:
    """Return the sum of all parameters."""
    return float(net._parameters.sum(dtype=np.float64))


def _as_float32(inputs: Any) -> NDArray[Any]:
    """The numbers the network sees, in float32 for the pixels of many pictures."""
    if isinstance(inputs, np.ndarray) and inputs.dtype == np.uint8:
        return inputs * np.float32(evaluation.PIXEL_SCALE)
    return evaluation.as_float64(inputs)


def gates_of(net: Network) -> Gates:
    """Return the gates of a network.

    Raises
    ------
    DataError
        It has none.
    """
    if net.gates is None:
        raise DataError(
            "the network has no gates yet, so it does not know when to abstain. Take them from "
            "held-out examples: net.gates = tt.honesty.gates(net, data)."
        )
    return net.gates
