"""Initial weights: which draw goes where, their spread, and what the rules are for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from tongtou.activations import ACTIVATIONS, LeakyReLU
from tongtou.initializers import INITIALIZERS, Initializer, initial, initializer
from tongtou.losses import LOSSES
from tongtou.randomness import INITIAL_WEIGHTS, uniform
from tongtou.reference import deltas, forward, gradients

# The variance each rule promises for a layer of 300 inputs and 200 neurons.
VARIANCE = [
    ("lesson", 1 / 3),
    ("glorot", 2 / 500),
    ("he", 2 / 300),
    ("lecun", 1 / 300),
    ("zeros", 0.0),
    ("glorot_normal", 2 / 500),
    ("he_normal", 2 / 300),
    ("lecun_normal", 1 / 300),
    ("orthogonal", 1 / 300),
]
ELEMENTWISE_OF_HE = ("relu", "leaky_relu", "gelu")


@pytest.mark.parametrize(("name", "variance"), VARIANCE)
def test_mean_and_variance(name: str, variance: float) -> None:
    W, b = initial(name, 300, 200, "tanh", seed=1, layer=1)
    assert W.shape == (200, 300)
    assert b.shape == (200,)
    assert not b.any()
    # 60,000 uniform draws: the standard error of the variance is 0.37 % of it.
    assert W.var() == pytest.approx(variance, rel=0.015)
    assert abs(W.mean()) <= 4 * math.sqrt(variance / W.size)
    if INITIALIZERS[name].kind == "uniform":
        assert np.abs(W).max() <= math.sqrt(3 * variance)


def test_every_rule_is_tested() -> None:
    assert set(INITIALIZERS) == {*dict(VARIANCE), "auto"}
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
    expected = "he" if name in ELEMENTWISE_OF_HE else "glorot"
    expected = "lecun" if name in ("linear", "exp") else expected
    np.testing.assert_array_equal(
        initial("auto", 9, 5, name, seed=0, layer=1)[0],
        initial(expected, 9, 5, name, seed=0, layer=1)[0],
    )


def test_auto_knows_a_leaky_relu_of_any_slope() -> None:
    chosen = initial("auto", 9, 5, LeakyReLU(slope=0.3), seed=0, layer=1)[0]
    np.testing.assert_array_equal(chosen, initial("he", 9, 5, "relu", seed=0, layer=1)[0])


@pytest.mark.parametrize("name", ["glorot_normal", "he_normal", "lecun_normal"])
def test_normal_weights_are_normal(name: str) -> None:
    """Against the normal distribution itself: Kolmogorov's distance of 60,000 draws."""
    W = initial(name, 300, 200, "tanh", seed=5, layer=2)[0]
    distance = stats.kstest(W.ravel() / math.sqrt(dict(VARIANCE)[name]), "norm").statistic
    assert distance < 1.63 / math.sqrt(W.size)  # exceeded by chance once in a hundred
    assert abs(stats.spearmanr(W.ravel()[::2], W.ravel()[1::2]).statistic) < 0.02  # of a pair


def test_normal_draws_by_hand() -> None:
    """Box and Muller for the three weights of a layer, from the draws as documented."""
    u = uniform(9, INITIAL_WEIGHTS, 4, step=3)
    first, second = math.sqrt(-2 * math.log(1 - u[0])), math.sqrt(-2 * math.log(1 - u[2]))
    g = [first * math.cos(math.tau * u[1]), first * math.sin(math.tau * u[1])]
    g += [second * math.cos(math.tau * u[3])]
    W = initial("lecun_normal", 3, 1, "tanh", seed=9, layer=3)[0]
    np.testing.assert_allclose(W[0], np.array(g) / math.sqrt(3), rtol=1e-13)


@pytest.mark.parametrize(("n_in", "n_out"), [(40, 25), (25, 40), (30, 30), (1, 4), (4, 1)])
@pytest.mark.parametrize(
    ("activation", "gain"),
    [
        ("tanh", 1.0),
        ("relu", math.sqrt(2)),
        (LeakyReLU(slope=0.5), math.sqrt(1.6)),
        ("sigmoid", 1.0),
    ],
)
def test_orthogonal(n_in: int, n_out: int, activation: object, gain: float) -> None:
    W = initial("orthogonal", n_in, n_out, activation, seed=1, layer=1)[0]
    shorter = W @ W.T if n_out <= n_in else W.T @ W
    np.testing.assert_allclose(shorter, gain**2 * np.eye(min(n_in, n_out)), atol=1e-13)


def test_orthogonal_matrices_lean_to_no_side() -> None:
    """Without the signs of R's diagonal, QR would give a diagonal that is mostly negative."""
    traces = [
        np.trace(initial("orthogonal", 6, 6, "linear", seed=s, layer=1)[0]) for s in range(400)
    ]
    # Of a Haar-distributed orthogonal matrix the trace has mean 0 and variance 1.
    assert abs(np.mean(traces)) < 4 / math.sqrt(400)
    assert 0.8 < np.var(traces) < 1.2


def levels(name: str, activation: str, depth: int, width: int = 200) -> tuple[float, float]:
    """Mean square of A[depth] over A[1], and of the gradients delta[1] over delta[depth]."""
    f = [ACTIVATIONS[activation]] * depth
    layers = [initial(name, width, width, activation, seed=0, layer=n + 1) for n in range(depth)]
    W, b = (list(each) for each in zip(*layers, strict=True))
    rng = np.random.default_rng(0)
    X, g = rng.normal(size=(60, width)), rng.normal(size=(60, width))
    Z, A = forward(W, b, f, X)
    # sse with targets a - g/2 has the gradient g: random, and of one size whatever the depth.
    delta = deltas(W, f, LOSSES["sse"], Z, A, A[-1] - g / 2)

    def square(values: np.ndarray) -> float:
        return float(np.mean(values**2))

    return square(A[-1]) / square(A[1]), square(delta[1]) / square(delta[depth])


LEVEL = [
    *((name, f) for f in ("relu", "leaky_relu") for name in ("auto", "he", "he_normal")),
    *((name, "linear") for name in ("auto", "glorot", "lecun", "lecun_normal", "glorot_normal")),
    *((name, "tanh") for name in ("auto", "glorot", "lecun")),
    *(("orthogonal", f) for f in ("linear", "tanh", "relu", "leaky_relu", "gelu")),
    ("auto", "gelu"),
]


@pytest.mark.parametrize("depth", [2, 4, 7, 10])
@pytest.mark.parametrize(("name", "activation"), LEVEL)
def test_the_right_rule_keeps_signal_and_gradient_level(
    name: str, activation: str, depth: int
) -> None:
    """Within a factor of 1.3 a layer, and of 2 where tanh squeezes the wide input at first."""
    for ratio in levels(name, activation, depth):
        assert 1.3**-depth / 2 < ratio < 1.3**depth * 2


@pytest.mark.parametrize("depth", [4, 7, 10])
@pytest.mark.parametrize(
    ("name", "activation", "a_layer"),
    [
        ("glorot", "relu", 1 / 2),  # half the mean square goes at every relu
        ("lecun", "relu", 1 / 2),
        ("he", "linear", 2.0),  # doubled where nothing is cut off
        ("lesson", "relu", 200 / 3 / 2),  # variance 1/3 and 200 inputs
        ("lesson", "linear", 200 / 3),
    ],
)
def test_the_wrong_rule_vanishes_or_explodes(
    name: str, activation: str, a_layer: float, depth: int
) -> None:
    for ratio in levels(name, activation, depth):
        expected = a_layer ** (depth - 1)
        assert expected / 2.5 < ratio < expected * 2.5


def test_through_sigmoids_gradients_vanish_whatever_the_rule() -> None:
    """At best 1/4 comes through each, 1/16 of the square: why relu replaced it in deep networks."""
    for name in ("auto", "glorot", "he", "orthogonal"):
        assert levels(name, "sigmoid", 10)[1] < 1e-8


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
