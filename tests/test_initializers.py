"""Initial weights: which draw goes where, their spread, and what the rules are for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tongtou.activations import ACTIVATIONS, LeakyReLU
from tongtou.initializers import INITIALIZERS, Initializer, initial, initializer
from tongtou.losses import LOSSES
from tongtou.randomness import INITIAL_WEIGHTS, uniform
from tongtou.reference import forward, gradients

# The variance each rule promises for a layer of 300 inputs and 200 neurons.
VARIANCE = [
    ("lesson", 1 / 3),
    ("glorot", 2 / 500),
    ("he", 2 / 300),
    ("lecun", 1 / 300),
    ("zeros", 0.0),
]


@pytest.mark.parametrize(("name", "variance"), VARIANCE)
def test_mean_and_variance(name: str, variance: float) -> None:
    W, b = initial(name, 300, 200, "tanh", seed=1, layer=1)
    assert W.shape == (200, 300)
    assert b.shape == (200,)
    assert not b.any()
    # 60,000 uniform draws: the standard error of the variance is 0.37 % of it.
    assert W.var() == pytest.approx(variance, rel=0.015)
    assert abs(W.mean()) <= 4 * math.sqrt(variance / W.size)
    assert np.abs(W).max() <= math.sqrt(3 * variance)


def test_every_rule_is_tested() -> None:
    assert list(INITIALIZERS) == [*dict(VARIANCE), "auto"]
    assert all(name == rule.name for name, rule in INITIALIZERS.items())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_weight_has_its_own_draw_in_input_major_order(dtype: type) -> None:
    n_in, n_out, seed, layer = 7, 3, 42, 2
    u = uniform(seed, INITIAL_WEIGHTS, n_in * n_out, epoch=0, step=layer)
    W, b = initial("lesson", n_in, n_out, "sigmoid", seed=seed, layer=layer, dtype=dtype)
    assert W.dtype == b.dtype == dtype
    for i in range(n_in):
        for j in range(n_out):
            assert W[j, i] == 2 * u[i * n_out + j] - 1


def test_float32_is_float64_rounded_once() -> None:
    single = initial("auto", 30, 20, "relu", seed=3, layer=1, dtype=np.float32)[0]
    double = initial("auto", 30, 20, "relu", seed=3, layer=1)[0]
    np.testing.assert_array_equal(single, double.astype(np.float32))


def test_layers_and_seeds_draw_different_numbers() -> None:
    draws = [
        initial("lesson", 4, 4, "tanh", seed=seed, layer=layer)[0]
        for seed, layer in [(0, 1), (0, 2), (1, 1)]
    ]
    assert len(np.unique(draws)) == 48


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_auto(name: str) -> None:
    expected = "he" if name in ("relu", "leaky_relu", "gelu") else "glorot"
    np.testing.assert_array_equal(
        initial("auto", 9, 5, name, seed=0, layer=1)[0],
        initial(expected, 9, 5, name, seed=0, layer=1)[0],
    )


def test_auto_knows_a_leaky_relu_of_any_slope() -> None:
    chosen = initial("auto", 9, 5, LeakyReLU(slope=0.3), seed=0, layer=1)[0]
    np.testing.assert_array_equal(chosen, initial("he", 9, 5, "relu", seed=0, layer=1)[0])


def test_he_keeps_the_signal_through_ten_relu_layers_and_glorot_loses_it() -> None:
    """The reason for He's rule: ReLU halves the mean square, twice the variance restores it."""
    X = np.random.default_rng(0).normal(size=(50, 256))

    def growth(name: str) -> float:
        layers = [initial(name, 256, 256, "relu", seed=0, layer=n) for n in range(1, 11)]
        A = forward(*zip(*layers, strict=True), [ACTIVATIONS["relu"]] * 10, X)[1]
        return float(np.mean(A[-1] ** 2) / np.mean(A[1] ** 2))

    assert 1 / 2 < growth("he") < 2
    assert 2**-9 / 2 < growth("glorot") < 2**-9 * 2


def test_zeros_never_break_the_symmetry() -> None:
    """After ten steps the hidden neurons still are copies of one another, and W[1] has moved."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8, 5)), rng.normal(size=(8, 2))
    f = [ACTIVATIONS["sigmoid"], ACTIVATIONS["linear"]]
    layers = [initial("zeros", 5, 4, f[0], seed=0, layer=1)]
    layers.append(initial("zeros", 4, 2, f[1], seed=0, layer=2))
    assert not np.signbit(layers[0][0]).any()
    W, b = (list(each) for each in zip(*layers, strict=True))
    for _ in range(10):
        for k, gradient in enumerate(gradients(W, b, f, LOSSES["mse"], X, y)):
            W[k] -= 0.5 * gradient.W
            b[k] -= 0.5 * gradient.b
    assert np.abs(W[0]).max() > 1e-3
    np.testing.assert_array_equal(W[0], W[0][[0, 0, 0, 0]])


def test_the_lesson_s_start_saturates_and_auto_does_not() -> None:
    """784 inputs as bright as MNIST's (mean square 0.11) and weights in -1 … 1."""
    X = np.where(np.random.default_rng(0).random((200, 784)) < 0.11, 1.0, 0.0)

    def share_saturated(name: str) -> float:
        W, b = initial(name, 784, 16, "sigmoid", seed=0, layer=1)
        a = forward([W], [b], [ACTIVATIONS["sigmoid"]], X)[1][1]
        return float(np.mean(a * (1 - a) < 0.05))

    assert share_saturated("lesson") > 0.3
    assert share_saturated("auto") == 0


def test_a_rule_of_ones_own() -> None:
    half = Initializer("half", lambda n_in, n_out, activation: 0.5)
    assert initializer(half) is half
    np.testing.assert_array_equal(
        initial(half, 3, 2, "tanh", seed=0, layer=1)[0],
        initial("lesson", 3, 2, "tanh", seed=0, layer=1)[0] / 2,
    )


def test_unknown_name() -> None:
    with pytest.raises(ValueError, match=r"unknown initializer 'xavier'; expected one of auto, gl"):
        initial("xavier", 3, 2, "tanh", seed=0, layer=1)
