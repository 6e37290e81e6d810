"""What should be refused: pictures that are no digits, to be tested on and never chosen by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tongtou.choices import choose
from tongtou.datasets.dataset import Dataset
from tongtou.honesty.letters import in_form, printed, written
from tongtou.honesty.pens import BOX, FIELD
from tongtou.settings import checked_whole

Pixels = NDArray[np.uint8]
_EDGE = (FIELD - BOX) // 2


def test_sets(
    n: int = 1000,  # noqa: PT028 - no test of pytest
    *,
    digits: Dataset | None = None,  # noqa: PT028
    names: Sequence[str] | None = None,  # noqa: PT028
    seed: int = 0,  # noqa: PT028
) -> dict[str, Pixels]:
    """Return pictures that are no digits, by kind, 28×28.

    =================  =========================================================================
    noise              every pixel uniform on 0 … 255
    noise_in_box       the same in the 20×20 box where digits lie, black around it
    constant           one grey all over: all 256, black and white among them
    blobs              one to four soft spots
    letters            printed in 14 fonts, none of them like a digit (`letters.LETTERS`)
    letter_strokes     written with a pen
    pairs              two digits side by side in the box of one
    upside_down        3, 4 and 7 turned by 180 degrees (others are digits then, or nearly)
    =================  =========================================================================

    Parameters
    ----------
    n : int
        How many of each kind (of constants always 256).
    digits : Dataset, optional
        For pairs and upside_down; the test digits of MNIST by default.
    names : sequence of str, optional
        Only these kinds.
    seed : int
        The same seed gives the same pictures.

    Returns
    -------
    dict of str to ndarray of uint8, shape (n, 784)

    Raises
    ------
    ValueError
        A name is unknown.
    MissingExtraError
        Matplotlib, which brings the fonts of the letters, is not installed.

    Notes
    -----
    They are for measuring alone. A network or threshold chosen by its figures here would say
    nothing about what else is no digit: recipe `honest` is trained beside `non_digits`, which have
    other kinds.

    Examples
    --------
    >>> sets = test_sets(3, names=["noise", "constant"])
    >>> [(name, X.shape) for name, X in sets.items()]
    [('noise', (3, 784)), ('constant', (256, 784))]
    """
    n = checked_whole("n", n, 1)
    wanted = list(KINDS) if names is None else list(names)
    found = {}
    for name in wanted:
        make = choose("test set", name, KINDS)
        # A stream of its own for each kind, whatever else is asked for.
        rng = np.random.default_rng([seed, list(KINDS).index(name)])
        found[name] = make(n, rng, digits)
    return found


test_sets.__test__ = False  # type: ignore[attr-defined]  # it is no test of pytest's


def _noise(n: int, rng: np.random.Generator, digits: Dataset | None) -> Pixels:
    return rng.integers(0, 256, (n, FIELD * FIELD), np.uint8)


def _noise_in_box(n: int, rng: np.random.Generator, digits: Dataset | None) -> Pixels:
    made = np.zeros((n, FIELD, FIELD), np.uint8)
    made[:, _EDGE:-_EDGE, _EDGE:-_EDGE] = rng.integers(0, 256, (n, BOX, BOX), np.uint8)
    return made.reshape(n, -1)


def _constant(n: int, rng: np.random.Generator, digits: Dataset | None) -> Pixels:
    return np.repeat(np.arange(256, dtype=np.uint8)[:, None], FIELD * FIELD, axis=1)


def _blobs(n: int, rng: np.random.Generator, digits: Dataset | None) -> Pixels:
    row, column = np.mgrid[:FIELD, :FIELD]
    ink = np.zeros((n, FIELD, FIELD))
    n_blobs = rng.integers(1, 5, n)
    for k in range(4):
        y, x = (one[:, None, None] for one in rng.uniform(7, 21, (2, n)))
        tall, wide = (one[:, None, None] for one in rng.uniform(1.5, 5, (2, n)))
        spot = np.exp(-(((row - y) / tall) ** 2 + ((column - x) / wide) ** 2) / 2)
        ink += np.where((k < n_blobs)[:, None, None], spot, 0)
    made: Pixels = np.rint(ink.clip(0, 1) * 255).astype(np.uint8).reshape(n, -1)
    return made


def _letters(n: int, rng: np.random.Generator, digits: Dataset | None) -> Pixels:
    return printed(n, rng)


def _letter_strokes(n: int, rng: np.random.Generator, digits: Dataset | None) -> Pixels:
    return written(n, rng)


def _pairs(n: int, rng: np.random.Generator, digits: Dataset | None) -> Pixels:
    X = _digits(digits).X.reshape(-1, FIELD, FIELD)
    made = np.empty((n, FIELD * FIELD), np.uint8)
    gap = np.zeros((FIELD, 2), np.uint8)
    for k in range(n):
        first, second = (_narrow(X[rng.integers(len(X))]) for _ in range(2))
        made[k] = in_form(np.hstack([first, gap, second]))
    return made


def _narrow(picture: Pixels) -> Pixels:
    """The columns between the first and the last with ink."""
    columns = np.flatnonzero(picture.any(axis=0))
    return picture[:, columns[0] : columns[-1] + 1]


def _upside_down(n: int, rng: np.random.Generator, digits: Dataset | None) -> Pixels:
    data = _digits(digits)
    rows = np.flatnonzero(np.isin(data.y, (3, 4, 7)))
    return np.ascontiguousarray(data.X[rng.choice(rows, n)][:, ::-1])


def _digits(digits: Dataset | None) -> Dataset:
    if digits is not None:
        return digits
    from tongtou.datasets import mnist

    return mnist().test


KINDS: Final[dict[str, Callable[[int, np.random.Generator, Dataset | None], Pixels]]] = {
    "noise": _noise,
    "noise_in_box": _noise_in_box,
    "constant": _constant,
    "blobs": _blobs,
    "letters": _letters,
    "letter_strokes": _letter_strokes,
    "pairs": _pairs,
    "upside_down": _upside_down,
}
"""The kinds by name."""
