"""What edges are compared with: pictures that have none, but what else there is of them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tongtou.network import Network

N_ROUNDS: Final = 20
"""Rounds between spectrum and support; the spectrum is then off by 4 % (trained), 10 % (noise)."""


def shuffled(
    pictures: NDArray[Any], mask: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[Any]:
    """Return each picture with the pixels of its support in random order, (n, height, width)."""
    found = np.zeros_like(pictures)
    found[:, mask] = rng.permuted(pictures[:, mask], axis=1)
    return found


def random_phase(
    picture: NDArray[Any], mask: NDArray[np.bool_], n: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return n random pictures of the same amplitude spectrum and the same support.

    ::

        A = |F(w - mean)| within the support        x: white noise
        20 + 1 rounds:   x = F⁻¹(A F(x) / |F(x)|),  then 0 outside the support

    So each is as rough or smooth as `picture` in every direction, in the same place, and what it
    shows is chance.

    Parameters
    ----------
    picture : ndarray, shape (height, width)
    mask : ndarray of bool, shape (height, width)
    n : int

    Returns
    -------
    ndarray of float64, shape (n, height, width)

    References
    ----------
    Theiler and others (1992), "Testing for nonlinearity in time series: the method of surrogate
    data"; the rounds are Gerchberg and Saxton's (1972).
    """
    inside = np.where(mask, picture - picture[mask].mean(), 0.0)
    amplitude = np.abs(np.fft.rfft2(inside))
    amplitude[0, 0] = 0.0
    x = rng.standard_normal((n, *mask.shape))
    for _ in range(N_ROUNDS + 1):
        spectrum = np.fft.rfft2(x)
        size = np.abs(spectrum)
        spectrum *= amplitude / np.where(size > 0, size, 1.0)
        x = np.fft.irfft2(spectrum, mask.shape) * mask
    return x


def untrained(net: Network, n: int, seed: int) -> list[Network]:
    """Return n networks of the same kind with initial weights, none of them the one of net.seed."""
    seeds = [one for one in range(seed + 1, seed + n + 2) if one != net.seed][:n]
    return [
        Network(
            net.sizes,
            activation=[layer.activation for layer in net.layers[:-1]],
            output=net.layers[-1].activation,
            loss=net.loss_function,
            initializer=net.initializer,
            seed=one % 2**64,
            dtype=net.dtype,
        )
        for one in seeds
    ]
