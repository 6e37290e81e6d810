"""Random numbers that are a function of a counter, and of nothing that happened before.

Philox4x32-10 turns a 128-bit counter and a 64-bit key into four 32-bit words. The key is the
seed, the counter says what the words are for::

    key     = (low 32 bits of the seed, high 32 bits of the seed)
    counter = (item block, step, epoch, purpose)

Number i of a stream is word i % 4 of item block i // 4. So any step can be replayed alone, a run
resumed bit for bit, and Python, the kernel and the page draw the same numbers.

References
----------
Salmon, Moraes, Dror and Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3".
"""

from __future__ import annotations

import operator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

INITIAL_WEIGHTS: Final = 1
"""Purpose of the initial weights; epoch word 0, step word = number of the layer, 1 … L."""
SHUFFLE: Final = 2
"""Purpose of the order of the examples within an epoch; step word 0."""
SPLIT: Final = 3
"""Purpose of choosing the validation examples; epoch and step word 0."""
DROPOUT: Final = 4
"""Purpose of choosing the neurons that are dropped."""
AUGMENTATION: Final = 5
"""Purpose of altering examples."""
NOISE: Final = 6
"""Purpose of noise on the inputs."""
WINDOWS: Final = 7
"""Purpose of the order in which the windows of a streamed file are visited."""

_MULTIPLIERS: Final = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL: Final = (0x9E3779B9, 0xBB67AE85)
_ROUNDS: Final = 10
_LOW: Final = np.uint64(0xFFFFFFFF)
_32: Final = np.uint64(32)


def philox4x32(counter: NDArray[np.uint32], key: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Philox4x32-10: four random words for each counter.

    One round, with (hi, lo) the halves of a 64-bit product::

        hi0, lo0 = D2511F53 * c0        c0' = hi1 ^ c1 ^ k0     c1' = lo1
        hi1, lo1 = CD9E8D57 * c2        c2' = hi0 ^ c3 ^ k1     c3' = lo0

    and between rounds k0 += 9E3779B9, k1 += BB67AE85 (modulo 2^32).

    Parameters
    ----------
    counter : ndarray of uint32, shape (n, 4)
    key : ndarray of uint32, shape (2,)

    Returns
    -------
    ndarray of uint32, shape (n, 4)

    Examples
    --------
    >>> words = philox4x32(np.zeros((1, 4), np.uint32), np.zeros(2, np.uint32))
    >>> [f"{word:08x}" for word in words[0]]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    c0, c1, c2, c3 = counter.astype(np.uint64).T
    k0, k1 = (int(word) for word in key)
    for _ in range(_ROUNDS):
        product0 = _MULTIPLIERS[0] * c0  # 32 by 32 bits: fits 64
        product1 = _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (
            (product1 >> _32) ^ c1 ^ np.uint64(k0),
            product1 & _LOW,
            (product0 >> _32) ^ c3 ^ np.uint64(k1),
            product0 & _LOW,
        )
        k0 = (k0 + _WEYL[0]) & 0xFFFFFFFF
        k1 = (k1 + _WEYL[1]) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=1).astype(np.uint32)


def checked_seed(seed: object) -> int:
    """Return the seed as an int.

    Raises
    ------
    ValueError
        It is not an integer 0 … 2^64 - 1.
    """
    number = -1
    if not isinstance(seed, (bool, np.bool_)):
        try:
            number = operator.index(seed)  # type: ignore[arg-type]
        except TypeError:
            number = -1
    if not 0 <= number < 2**64:
        raise ValueError(f"seed must be an integer 0 … 2**64 - 1; it is {seed!r}. Use seed=0.")
    return number


def words(seed: int, purpose: int, n: int, *, epoch: int = 0, step: int = 0) -> NDArray[np.uint32]:
    """Return the first n 32-bit words of a stream.

    Parameters
    ----------
    seed : int
        0 … 2^64 - 1.
    purpose : int
        What the words are for: one of the constants of this module.
    n : int
        How many, at most 2^34.
    epoch, step : int
        Which epoch and which step they are for, each 0 … 2^32 - 1.

    Returns
    -------
    ndarray of uint32, shape (n,)

    Raises
    ------
    ValueError
        The seed or another number does not fit its counter word.

    Examples
    --------
    >>> [f"{word:08x}" for word in words(0, SHUFFLE, 2, epoch=1)]
    ['b9606fa6', '81ce69fc']
    """
    seed = checked_seed(seed)
    for what, number, end in (
        ("purpose", purpose, 2**32),
        ("epoch", epoch, 2**32),
        ("step", step, 2**32),
        ("n", n, 2**34 + 1),
    ):
        if not 0 <= number < end:
            raise ValueError(f"{what} must be an integer 0 … {end - 1}; it is {number!r}.")
    counter = np.empty(((n + 3) // 4, 4), np.uint32)
    counter[:, 0] = np.arange(len(counter), dtype=np.uint32)
    counter[:, 1:] = (step, epoch, purpose)
    key = np.array([seed & 0xFFFFFFFF, seed >> 32], np.uint32)
    return philox4x32(counter, key).reshape(-1)[:n]


def uniform(seed: int, purpose: int, n: int, *, epoch: int = 0, step: int = 0) -> NDArray[Any]:
    """Return n numbers uniform on [0, 1): u_i = floor(word_i / 2^8) * 2^-24.

    A number has 24 bits, so it is exact in float32 too: every host and dtype draws the same.
    Parameters as for `words`.

    Returns
    -------
    ndarray of float64, shape (n,)

    Examples
    --------
    >>> uniform(0, INITIAL_WEIGHTS, 3, step=1)
    array([0.30871761, 0.90963995, 0.13338417])
    """
    bits = words(seed, purpose, n, epoch=epoch, step=step) >> np.uint32(8)
    return bits.astype(np.float64) * 2.0**-24


def order(seed: int, epoch: int, n: int, purpose: int = SHUFFLE) -> NDArray[np.uint32]:
    """Return a random order of 0 … n-1, by Fisher and Yates.

    ::

        perm = 0 … n-1
        for i = n-1 down to 1:  j = floor(word_i (i+1) / 2^32);  swap perm[i], perm[j]

    Parameters
    ----------
    seed : int
        0 … 2^64 - 1.
    epoch : int
        Each epoch has its own order; step word 0.
    n : int
        How many examples, below 2^32.
    purpose : int, default SHUFFLE
        SPLIT for choosing validation examples.

    Returns
    -------
    ndarray of uint32, shape (n,)

    Raises
    ------
    ValueError
        The seed or another number does not fit its counter word.

    Notes
    -----
    Bias: 2^32 words fall on i+1 places, so the probability of a place is off by less than 2^-32,
    a relative error below n / 2^32 (0.0014 % for 60,000 examples). Rejecting words would remove
    it, at the price that word i no longer belongs to place i. The plain loop is slow on purpose:
    it is the oracle of the kernel's.

    Examples
    --------
    >>> order(0, 0, 8).tolist()
    [0, 1, 6, 4, 3, 2, 5, 7]
    """
    if n >= 2**32:
        raise ValueError(f"n must be below 2**32, to number the examples by uint32; it is {n!r}.")
    perm = list(range(n))
    word = words(seed, purpose, n, epoch=epoch).tolist()
    for i in range(n - 1, 0, -1):
        j = (word[i] * (i + 1)) >> 32
        perm[i], perm[j] = perm[j], perm[i]
    return np.array(perm, np.uint32)
