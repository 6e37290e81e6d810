"""The four methods of attribution: what of one number F belongs to each input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tongtou.errors import ShapeError
from tongtou.evaluation import as_float64
from tongtou.explanation.slopes import Slopes, Wide

if TYPE_CHECKING:
    from tongtou.network import Network

FIRST_STEPS: Final = 16
BLOCK: Final = 4096
"""Steps, or occluded inputs, evaluated together."""
BLOCK_VALUES: Final = 1 << 22


@dataclass(frozen=True)
class Settings:
    """What the methods are told; see `tongtou.explanation.attributions.attribution`."""

    baseline: Wide
    patch: int | None
    stride: int
    tolerance: float
    max_steps: int
    shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Number:
    """F: one output of one network, or the difference of two."""

    net: Network
    row: NDArray[Any]
    c: Wide  # (n_out,): F = c · scores
    quantity: str

    def of(self, rows: NDArray[Any]) -> Wide:
        """Return F (n,) by the kernel."""
        ask = self.net.weighted_sums if self.quantity == "z" else self.net.predict_proba
        F: Wide = ask(rows).astype(np.float64) @ self.c
        return F

    def with_delta(self, slopes: Slopes, first: Wide) -> tuple[Wide, Wide]:
        """Return F (n,) and dF/dZ[1] (n, n_1) from Z[1], in float64."""
        Z, A = slopes.onward(first)
        g = np.broadcast_to(self.c, Z[-1].shape)
        if self.quantity == "z":
            return Z[-1] @ self.c, slopes.back(Z, A, g)
        return A[-1] @ self.c, slopes.back(Z, A, slopes.through_output(Z, A, g))


Found = tuple[Wide, dict[str, Any]]


def _gradient(F: Number, settings: Settings) -> Found:
    slopes = Slopes(F.net)
    delta = F.with_delta(slopes, slopes.first(as_float64(F.row)))[1]
    return slopes.to_input(delta)[0], {}


def _gradient_x_input(F: Number, settings: Settings) -> Found:
    return _gradient(F, settings)[0] * as_float64(F.row)[0], {}


def _integrated(F: Number, settings: Settings) -> Found:
    slopes = Slopes(F.net)
    x, base = as_float64(F.row), settings.baseline[None]
    ends = slopes.first(np.concatenate([base, x]))  # Z[1] at both: (2, n_1)
    F_ends = F.with_delta(slopes, ends)[0]
    difference = float(F_ends[1] - F_ends[0])
    n = min(FIRST_STEPS, settings.max_steps)
    while True:
        total = np.zeros(ends.shape[1])
        for at in range(0, n, BLOCK):
            t = (np.arange(at, min(at + BLOCK, n)) + 0.5) / n
            total += F.with_delta(slopes, ends[0] + t[:, None] * (ends[1] - ends[0]))[1].sum(axis=0)
        # dF/dx = dF/dZ[1] W[1], and W[1] is the same at every step.
        values = (x - base)[0] * slopes.to_input(total[None] / n)[0]
        missing = abs(float(values.sum()) - difference)
        # Where nothing is to be explained, all that is attributed is too much.
        gap = missing / abs(difference) if difference else (np.inf if missing > 1e-12 else 0.0)
        complete = gap < settings.tolerance
        if complete or 2 * n > settings.max_steps:
            return values, {
                "baseline_value": float(F_ends[0]),
                "steps": n,
                "gap": float(gap),
                "complete": complete,
            }
        n *= 2


def _occlusion(F: Number, settings: Settings) -> Found:
    shape = settings.shape if len(settings.shape) in (2, 3) else (1, F.row.size)
    height, width = shape[:2]
    is_picture = len(settings.shape) in (2, 3)
    side = settings.patch or (min(3, height, width) if is_picture else 1)
    tall = side if is_picture else 1
    if tall > height or side > width:
        raise ShapeError(f"patch must fit into {height}×{width} inputs; it is {side}.")
    step = settings.stride
    if step > side:
        raise ValueError(f"stride must be at most the patch, {side}, or inputs between would never "
                         f"be hidden; it is {step}.")  # fmt: skip
    tops, lefts = _starts(height, tall, step), _starts(width, side, step)
    corners = np.stack(np.meshgrid(tops, lefts, indexing="ij"), axis=-1).reshape(-1, 2)
    x = as_float64(F.row).reshape(height, width, -1)
    base = settings.baseline.reshape(x.shape)
    inner = np.indices((tall, side)).reshape(2, -1).T
    value = float(F.of(F.row)[0])
    total, count = np.zeros((height, width)), np.zeros((height, width))
    per = max(1, min(BLOCK, BLOCK_VALUES // x.size))
    for at in range(0, len(corners), per):
        places = corners[at : at + per, None] + inner  # (n, pixels of a patch, 2)
        rows, columns = places[..., 0], places[..., 1]
        hidden = np.repeat(x[None], len(places), axis=0)
        hidden[np.arange(len(places))[:, None], rows, columns] = base[rows, columns]
        drop = value - F.of(hidden.reshape(len(places), -1).astype(F.net.dtype))
        np.add.at(total, (rows, columns), drop[:, None])
        np.add.at(count, (rows, columns), 1)
    mean = (total / count)[..., None]  # a pixel's channels are hidden together
    blank = settings.baseline.astype(F.net.dtype)[None]
    return np.broadcast_to(mean, x.shape).ravel().copy(), {"baseline_value": float(F.of(blank)[0])}


def _starts(side: int, patch: int, step: int) -> NDArray[np.int64]:
    return np.unique(np.append(np.arange(0, side - patch + 1, step), side - patch))


METHODS: dict[str, Callable[[Number, Settings], Found]] = {
    "gradient": _gradient,
    "gradient_x_input": _gradient_x_input,
    "integrated": _integrated,
    "occlusion": _occlusion,
}
