"""Augmentation: a new, slightly moved version of every picture in every epoch.

The kernel does it while training; here is the same in float64, its oracle. Symbols: x counts
columns from the left and y rows from the top, c is the centre ((width-1)/2, (height-1)/2).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou.errors import DataError, ShapeError
from tongtou.randomness import AUGMENTATION, checked_seed, philox4x32
from tongtou.settings import checked_number

WORDS_PER_EXAMPLE: Final = 8
"""Random words set aside for one example in one epoch; five are used."""


@dataclass(frozen=True)
class Augmentation:
    """How far pictures may be moved, turned, scaled and sheared; how far each time is drawn.

    ::

        angle = ±rotation    s = 1 ± scale    k = tan(±shear)    dx = ±shift    dy = ±shift

    where ±r is uniform on (-r, r). A pixel of the new picture takes the grey of the old one at ::

        p = (x, y) - c - (dx, dy)       q = R(-angle) p / s       source = (q.x - k q.y, q.y) + c

    bilinear between the four neighbours, and 0 outside. So the picture is sheared (its rows
    slide sideways), scaled and turned about its centre (clockwise for angle > 0, as y counts
    downwards), then shifted.

    Parameters
    ----------
    shift : float
        Pixels, sideways and up and down alike.
    rotation : float
        Degrees, 0 … 180.
    scale : float
        0 … 0.9; 0.1 means between 0.9 and 1.1 times as large.
    shear : float
        Degrees, 0 … 60.

    Raises
    ------
    ValueError
        A setting is out of its range.

    Notes
    -----
    Every example is altered in every epoch; the draws depend on (seed, epoch, row) alone, so a
    run can be repeated and resumed. Validation and prediction see pictures as they are. Digits
    bear 2 pixels, 10 degrees, 0.1 and 10 degrees well; a half turn makes a 6 of a 9.

    Examples
    --------
    >>> Augmentation(shift=2, rotation=10)
    Augmentation(shift=2.0, rotation=10.0, scale=0.0, shear=0.0)
    """

    shift: float = 0.0
    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (
            ("shift", checked_number("shift", self.shift, 0.0)),
            ("rotation", checked_number("rotation", self.rotation, 0.0, 180.0)),
            ("scale", checked_number("scale", self.scale, 0.0, 0.9)),
            ("shear", checked_number("shear", self.shear, 0.0, 60.0)),
        ):
            object.__setattr__(self, name, value)

    def __bool__(self) -> bool:
        """Whether pictures change at all."""
        return any((self.shift, self.rotation, self.scale, self.shear))

    def describe(self) -> dict[str, float]:
        """Return the JSON-ready description that `from_description` reads back."""
        return asdict(self)

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Augmentation:
        """Return what `describe` described.

        Raises
        ------
        ValueError
            It is no mapping, holds an unknown setting, or one out of its range.
        """
        known = [field.name for field in fields(cls)]
        if not isinstance(description, Mapping) or not set(description) <= set(known):
            raise ValueError(
                f"an augmentation is described by a mapping of {', '.join(known)}; "
                f"this is {description!r}."
            )
        return cls(**description)

    def parameters(self, rows: ArrayLike, epoch: int, seed: int) -> NDArray[np.float64]:
        """Return what happens to these examples in this epoch.

        ::

            u_k = number 8 row + k of the stream (seed, AUGMENTATION, epoch, step 0)

        Parameters
        ----------
        rows : array_like of int, shape (n,)
            Row numbers of the examples, each below 2^31.
        epoch, seed : int

        Returns
        -------
        ndarray of float64, shape (n, 5)
            Columns: angle in radians, s, k, dx, dy.

        Examples
        --------
        >>> Augmentation(shift=2).parameters([7], epoch=0, seed=0).round(3)
        array([[0.   , 1.   , 0.   , 1.466, 0.981]])
        """
        numbers = np.asarray(rows, np.uint32)
        n_blocks = WORDS_PER_EXAMPLE // 4
        counter = np.empty((len(numbers), n_blocks, 4), np.uint32)
        counter[..., 0] = numbers[:, None] * np.uint32(n_blocks) + np.arange(n_blocks)
        counter[..., 1:] = (0, epoch, AUGMENTATION)
        seed = checked_seed(seed)
        key = np.array([seed & 0xFFFFFFFF, seed >> 32], np.uint32)
        words = philox4x32(counter.reshape(-1, 4), key).reshape(-1, WORDS_PER_EXAMPLE)
        # As `randomness.uniform`, here for any rows; then from [0, 1) to [-1, 1).
        either = 2 * ((words >> np.uint32(8)) * 2.0**-24) - 1  # (n, 8)
        drawn = np.stack(
            [
                either[:, 0] * math.radians(self.rotation),
                1 + either[:, 1] * self.scale,
                np.tan(either[:, 2] * math.radians(self.shear)),
                either[:, 3] * self.shift,
                either[:, 4] * self.shift,
            ],
            axis=1,
        )
        return drawn + 0.0  # no -0 where a draw below 0 meets a setting of 0


def checked_picture_shape(dtype: np.dtype[Any], n_in: int, shape: Sequence[int]) -> tuple[int, ...]:
    """Return (height, width, channels) of pictures that can be augmented.

    Raises
    ------
    DataError
        Their pixels are not uint8.
    ShapeError
        The shape is unknown, or does not make n_in pixels.
    """
    if dtype != np.uint8:
        raise DataError(
            f"augmentation moves pictures of uint8 pixels, 0 … 255; X holds {dtype}. "
            "Give the pixels as they are, or leave augmentation out."
        )
    if len(shape) not in (2, 3) or math.prod(shape) != n_in:
        raise ShapeError(
            f"augmentation must know the height and width of a picture, (height, width) or "
            f"(height, width, channels), making {n_in} values; the shape is {tuple(shape)}. "
            "Give a Dataset with shape=(height, width), or set net.input_shape."
        )
    height, width, *rest = (int(n) for n in shape)
    return (height, width, rest[0] if rest else 1)


def transformed(picture: NDArray[np.uint8], parameters: ArrayLike) -> NDArray[np.uint8]:
    """Return one picture moved by one row of `Augmentation.parameters`, in float64.

    Parameters
    ----------
    picture : ndarray of uint8, shape (height, width) or (height, width, channels)
    parameters : array_like of float, shape (5,)
        angle in radians, s, k, dx, dy.

    Returns
    -------
    ndarray of uint8, shape of picture
        Rounded to the nearest, halves up: floor(v + 1/2).

    Examples
    --------
    >>> transformed(np.array([[9, 0], [0, 0]], np.uint8), [0, 1, 0, 0.5, 0])  # half to the right
    array([[5, 5],
           [0, 0]], dtype=uint8)
    """
    angle, s, k, dx, dy = (float(one) for one in np.asarray(parameters, np.float64))
    height, width = picture.shape[:2]
    cx, cy = (width - 1) / 2, (height - 1) / 2
    y, x = np.mgrid[0.0:height, 0.0:width]
    px, py = x - cx - dx, y - cy - dy
    qx = (math.cos(angle) * px + math.sin(angle) * py) / s
    qy = (math.cos(angle) * py - math.sin(angle) * px) / s
    source_x, source_y = qx - k * qy + cx, qy + cy
    left, top = np.floor(source_x), np.floor(source_y)
    value: NDArray[Any] = np.zeros(picture.shape, np.float64)
    for row, down in ((top, 1 - (source_y - top)), (top + 1, source_y - top)):
        for column, across in ((left, 1 - (source_x - left)), (left + 1, source_x - left)):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            share = np.where(inside, down * across, 0.0)
            at = (np.where(inside, row, 0).astype(int), np.where(inside, column, 0).astype(int))
            value += (share if picture.ndim == 2 else share[..., None]) * picture[at]
    return np.floor(value + 0.5).astype(np.uint8)


def augmented(
    X: NDArray[np.uint8],
    rows: ArrayLike,
    epoch: int,
    seed: int,
    augmentation: Augmentation,
    shape: Sequence[int],
) -> NDArray[np.uint8]:
    """Return a batch as this epoch shows it.

    Parameters
    ----------
    X : ndarray of uint8, shape (n, n_in)
        The pictures of the batch, rows joined.
    rows : array_like of int, shape (n,)
        Their row numbers in the data, which choose the random numbers.
    epoch, seed : int
    augmentation : Augmentation
    shape : (height, width) or (height, width, channels)

    Returns
    -------
    ndarray of uint8, shape (n, n_in)

    Raises
    ------
    DataError, ShapeError
        As for `checked_picture_shape`.
    """
    pictures = X.reshape(-1, *checked_picture_shape(X.dtype, X.shape[1], shape))
    drawn = augmentation.parameters(rows, epoch, seed)
    moved = [transformed(one, each) for one, each in zip(pictures, drawn, strict=True)]
    return np.array(moved, np.uint8).reshape(X.shape)
