"""The examples on which hidden neurons are looked at, and what the numbers of a picture mean."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tongtou import evaluation
from tongtou.datasets.dataset import Dataset
from tongtou.errors import ShapeError
from tongtou.evaluation import as_float64
from tongtou.explanation.excitation import Box
from tongtou.explanation.inside import _beginnings
from tongtou.explanation.lessons import Lesson, lesson_on
from tongtou.network import Network

Wide = NDArray[np.float64]
_BLOCK = 2048
_SAMPLE = 2000


@dataclass(frozen=True, eq=False)
class View:
    """Examples, and what is known of their inputs.

    Attributes
    ----------
    lesson : Lesson
    shape : tuple of int
        (height, width) or (height, width, channels); empty where the inputs are no picture.
    classes : ndarray of int, shape (n,), or None
        None where the network does not predict one class of several.
    names : tuple
        Of the classes.
    low, high, spread : ndarray of float64, shape (n_in,)
        Of each input over the data: smallest, largest, standard deviation.
    paper, ink : float
        Of a picture, the number of an empty and of a covered pixel.
    radius : float or None
        Of a picture, the median distance ||x - paper||₂ of the examples.
    """

    lesson: Lesson
    shape: tuple[int, ...]
    classes: NDArray[np.int64] | None
    names: tuple[Any, ...]
    low: Wide
    high: Wide
    mean: Wide
    spread: Wide
    paper: float
    ink: float
    radius: float | None

    def box(self, with_radius: bool = False) -> Box:
        """Return the range of the data: of all pixels together, of each column of a table."""
        if not self.shape:
            return Box(self.low, self.high, np.clip(self.mean, self.low, self.high))
        low, high = (np.full_like(self.low, f(self.paper, self.ink)) for f in (min, max))
        radius = self.radius if with_radius else None
        return Box(low, high, np.full_like(low, self.paper), radius)


def view_of(model: Any, data: Any, shape: tuple[int, ...] | None) -> View:
    """Return the examples checked, and what is known of them.

    Raises
    ------
    ShapeError, DataError, TypeError, ValueError
        As `lesson_on`; `shape` does not fit the inputs.
    """
    lesson = lesson_on(model, data)
    net = lesson.network
    shape = _shape_of(model, data, net.sizes[0], shape)
    low, high, mean, spread = _ranges(lesson.inputs)
    paper, ink, radius = 0.0, 0.0, None
    if shape:
        n = lesson.inputs.shape[0]
        rows = np.unique(np.linspace(0, n - 1, min(n, _SAMPLE)).round().astype(np.int64))
        some = as_float64(lesson.inputs[rows])
        paper, ink = float(low.min()), float(high.max())
        if np.median(some) > (paper + ink) / 2:
            paper, ink = ink, paper
        radius = float(np.median(np.linalg.norm(some - paper, axis=1)))
    classes = _classes_of(net, lesson.answers)
    names = net.classes or tuple(range(max(2, net.sizes[-1])))
    return View(
        lesson,
        shape,
        classes,
        names if classes is not None else (),
        low,
        high,
        mean,
        spread,
        paper,
        ink,
        radius,
    )


def activations(net: Network, layer: int, inputs: Any) -> NDArray[Any]:
    """Return the kernel's A[l] (n, n_l) of checked inputs."""
    part, plan, end = _beginnings(net.blueprint, evaluation.kernel is not None)[layer - 1]
    return evaluation.outputs(part, plan, net._parameters[:end], inputs)


def _shape_of(model: Any, data: Any, n_in: int, shape: tuple[int, ...] | None) -> tuple[int, ...]:
    if shape is not None:
        if shape and (len(shape) not in (2, 3) or math.prod(shape) != n_in):
            raise ShapeError(
                f"shape must be (height, width) or (height, width, channels) of {n_in} inputs, or "
                f"() for no picture; it is {shape!r}."
            )
        return tuple(shape)
    if isinstance(data, Dataset) and data.shape:
        known = data.shape
    else:
        last = model[-1] if hasattr(model, "named_steps") else model
        known = getattr(last, "input_shape", None) or ()
    fits = len(known) in (2, 3) and math.prod(known) == n_in
    return tuple(known) if fits else ()


def _classes_of(net: Network, answers: NDArray[Any]) -> NDArray[np.int64] | None:
    if not net.is_classifier or net._is_multilabel:
        return None
    if net.sizes[-1] == 1:
        return (answers.reshape(len(answers)) >= 0.5).astype(np.int64)
    return (answers if answers.ndim == 1 else answers.argmax(axis=1)).astype(np.int64)


def _ranges(inputs: Any) -> tuple[Wide, Wide, Wide, Wide]:
    """Return smallest, largest, mean and standard deviation of each input, block by block."""
    n, n_in = inputs.shape
    low, high = np.full(n_in, np.inf), np.full(n_in, -np.inf)
    sums, squares, first = np.zeros(n_in), np.zeros(n_in), None
    for at in range(0, n, _BLOCK):
        block = as_float64(inputs[at : at + _BLOCK])
        low, high = np.minimum(low, block.min(axis=0)), np.maximum(high, block.max(axis=0))
        first = block.mean(axis=0) if first is None else first
        block = block - first  # near the mean, so that squares do not cancel
        sums += block.sum(axis=0)
        squares += np.einsum("ni,ni->i", block, block)
    assert first is not None
    variance = np.maximum(squares / n - (sums / n) ** 2, 0)
    return low, high, first + sums / n, np.sqrt(variance)
