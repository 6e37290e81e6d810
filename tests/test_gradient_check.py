"""The check that users can run: it passes where backpropagation is right, and can fail."""

import math

import numpy as np
import pytest

import tongtou as tt
from tongtou import losses
from tongtou.activations import ACTIVATIONS, LeakyReLU
from tongtou.gradients import GradientCheck, ParameterCheck

ELEMENTWISE = [name for name, f in ACTIVATIONS.items() if f.elementwise]
ANY_OUTPUT = ("sse", "mse", "half_sse", "huber")
HIDDEN = [name for name in ELEMENTWISE if name != "exp"]  # exp of exp leaves nothing to compare
SENSIBLE = [
    *((hidden, output, loss) for hidden in HIDDEN for output in ELEMENTWISE
      for loss in ANY_OUTPUT),
    *((hidden, "softmax", loss) for hidden in HIDDEN
      for loss in (*ANY_OUTPUT, "cross_entropy")),
    *((hidden, "sigmoid", "binary_cross_entropy") for hidden in HIDDEN),
    *((hidden, "exp", "poisson") for hidden in HIDDEN),
    ("exp", "linear", "mse"), ("exp", "sigmoid", "sse"), ("exp", "softmax", "cross_entropy"),
]  # fmt: skip


def examples(n=8, n_in=5, n_out=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, n_in)), rng.integers(0, n_out, n)


def network(sizes=(5, 6, 3), seed=1, **settings):
    net = tt.Network(sizes, seed=seed, **settings)
    rng = np.random.default_rng(seed)
    for layer in net.layers:
        layer.b = rng.normal(size=layer.n_out) / 2
    return net


@pytest.mark.parametrize(
    ("hidden", "output", "loss"), SENSIBLE, ids=["-".join(case) for case in SENSIBLE]
)
def test_backpropagation_is_proven(hidden, output, loss):
    net = network((5, 6, 4, 3), activation=hidden, output=output, loss=loss)
    check = tt.gradient_check(net, *examples(), sample=None)
    assert check.passed, str(check)
    assert len(check.checked) + check.n_at_kinks == check.n_parameters == net.n_parameters
    assert check.n_at_kinks == 0
    if not {hidden, output} & {"step"}:
        assert check.scale > 1e-3  # there was something to compare


def test_a_leaky_relu_of_another_slope():
    net = network(activation=LeakyReLU(slope=0.3), output="linear")
    assert tt.gradient_check(net, *examples()).passed


@pytest.mark.parametrize("delta", [0.05, 0.7, 20.0])
def test_huber_of_another_delta(delta):
    net = network(output="linear", loss=losses.Huber(delta=delta))
    assert tt.gradient_check(net, *examples()).passed


def test_an_error_at_huber_s_joint_is_checked_all_the_same():
    """Outputs 0 against 1 with delta 1: the derivative is there, only its own slope jumps."""
    net = tt.Network([2, 1], output="linear", loss="huber", initializer="zeros")
    check = tt.gradient_check(net, [[1.0, 2.0], [0.5, -1.0]], [1.0, -1.0])
    assert check.passed, str(check)
    assert (len(check.checked), check.n_at_kinks) == (3, 0)


def test_several_labels_for_one_example():
    net = network(output="sigmoid", loss="binary_cross_entropy")
    X, _ = examples()
    for y in (np.eye(8, 3, dtype=np.int64) + np.eye(8, 3, 1, dtype=np.int64), np.eye(8, 3) > 0):
        assert tt.gradient_check(net, X, y).passed


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_digit_network(mnist, dtype):
    net = tt.Network([784, 16, 16, 10], seed=3, dtype=dtype)
    check = tt.gradient_check(net, mnist.train[:10], sample=100)
    assert check.passed
    assert check.max_error < 1e-7
    assert 300 + 42 - 10 <= len(check.checked) <= 300 + 42  # about 100 weights a layer
    assert check.n_parameters == 13_002


def test_the_network_is_left_as_it_is():
    net, (X, y) = network(dtype="float64"), examples()
    before = [(layer.W.copy(), layer.b.copy()) for layer in net.layers]
    kept = X.copy()
    tt.gradient_check(net, X, y)
    for layer, (W, b) in zip(net.layers, before, strict=True):
        np.testing.assert_array_equal(layer.W, W)
        np.testing.assert_array_equal(layer.b, b)
    np.testing.assert_array_equal(X, kept)


def test_the_numeric_side_worked_by_hand():
    """A line: z = 2 · 3 + 1 = 7 against 5, so C = 4, dC/dw = 2 · 2 · 3 = 12 and dC/db = 4."""
    net = tt.Network([1, 1], output="linear")
    net.layers[0].W, net.layers[0].b = [[2.0]], [1.0]
    check = tt.gradient_check(net, [[3.0]], [5.0])
    found = {one.name: one for one in check.checked}
    assert found["W"].numeric == pytest.approx(12, rel=1e-9)
    assert found["W"].analytic == pytest.approx(12, rel=1e-14)
    assert found["b"].numeric == pytest.approx(4, rel=1e-9)
    assert check.scale == pytest.approx(12, rel=1e-9)


# It can fail ------------------------------------------------------------------------------------


def break_gradients(monkeypatch, change):
    right = tt.Network.gradients

    def wrong(self, X, y=None):
        found = right(self, X, y)
        change(found)
        return found

    monkeypatch.setattr(tt.Network, "gradients", wrong)


@pytest.mark.parametrize(
    ("change", "layer", "name", "index"),
    [
        pytest.param(lambda g: g[0].W.__setitem__((2, 3), 0.5), 1, "W", (2, 3), id="one weight"),
        pytest.param(lambda g: g[1].b.__setitem__(1, -1.0), 2, "b", (1,), id="one bias"),
        pytest.param(
            lambda g: g[0].W.__setitem__((5, 4), g[0].W[5, 4] + 1e-4), 1, "W", (5, 4), id="a little"
        ),
        pytest.param(lambda g: g[1].W.__setitem__((0, 0), math.nan), 2, "W", (0, 0), id="NaN"),
        pytest.param(lambda g: g[0].b.__setitem__(3, math.inf), 1, "b", (3,), id="infinity"),
    ],
)
def test_a_broken_gradient_is_found(monkeypatch, change, layer, name, index):
    net = network()
    assert tt.gradient_check(net, *examples(), sample=None).passed
    break_gradients(monkeypatch, change)
    check = tt.gradient_check(net, *examples(), sample=None)
    assert not check.passed
    worst = check.checked[0]
    assert (worst.layer, worst.name, worst.index) == (layer, name, index)
    assert "FAILED" in str(check)
    assert f"worst {name}[{', '.join(map(str, index))}] of layer {layer}" in str(check)


@pytest.mark.parametrize("factor", [-1, 0, 2, 1 + 1e-5])
def test_a_factor_left_out_is_found(monkeypatch, factor):
    """The classic mistakes: a sign, a 2, 1/n."""

    def scaled(found):
        for layer in found:
            layer.W[...] *= factor
            layer.b[...] *= factor

    break_gradients(monkeypatch, scaled)
    assert not tt.gradient_check(network(), *examples()).passed


def test_a_wrong_loss_is_found(monkeypatch):
    """The numeric side has its own code: it notices when the equation changes under the kernel."""
    net = network(loss="mse")
    right = losses.MeanSquaredError.value
    monkeypatch.setattr(losses.MeanSquaredError, "value", lambda self, a, y: 3 * right(self, a, y))
    assert not tt.gradient_check(net, *examples()).passed


def test_a_gradient_of_nothing_but_zeros_is_found(monkeypatch):
    def nothing(found):
        for layer in found:
            layer.W[...] = 0
            layer.b[...] = 0

    break_gradients(monkeypatch, nothing)
    assert not tt.gradient_check(network(), *examples()).passed


# Kinks, and gradients that vanish ---------------------------------------------------------------


@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
def test_parameters_at_a_kink_are_left_out_and_counted(name):
    """Blank examples and biases of 0: every hidden z is exactly 0, where there is no derivative."""
    net = tt.Network([5, 6, 3], activation=name, seed=1)
    check = tt.gradient_check(net, np.zeros((4, 5)), [0, 1, 2, 0], sample=None)
    assert check.passed, str(check)
    assert check.n_at_kinks == 6  # the biases of the hidden layer; its weights see only zeros
    assert len(check.checked) == net.n_parameters - 6
    assert "(6 more lie at a kink)" in str(check)


@pytest.mark.parametrize("distance", [3e-6, 5e-7])
def test_near_a_kink_the_step_is_shortened(distance):
    """z = x w + b = distance: a step of 1e-5 would cross 0, where the slope jumps from 1 to 0."""
    net = tt.Network([1, 1, 1], activation="relu", output="linear", dtype="float64")
    net.layers[0].W, net.layers[0].b = [[1.0]], [distance - 1]
    net.layers[1].W = [[2.0]]
    check = tt.gradient_check(net, [[1.0]], [1.0])
    assert check.passed, str(check)
    assert check.n_at_kinks == 0
    (bias,) = [one for one in check.checked if (one.layer, one.name) == (1, "b")]
    # C = (2 z - 1)^2: dC/db = 4 (2 z - 1), about -4; half of it from a step across the kink
    assert bias.numeric == pytest.approx(-4, rel=1e-4)


def test_a_broken_gradient_is_found_near_a_kink_too(monkeypatch):
    net = tt.Network([1, 1, 1], activation="relu", output="linear", dtype="float64")
    net.layers[0].W, net.layers[0].b = [[1.0]], [3e-6 - 1]
    break_gradients(monkeypatch, lambda g: g[0].b.__imul__(0.5))
    assert not tt.gradient_check(net, [[1.0]], [1.0]).passed


def test_a_network_saturated_through_and_through_passes():
    """Its gradients are below what rounding leaves of a difference; that is no mistake."""
    net, (X, y) = network(), examples()
    net.layers[-1].b = [25.0] * 3
    check = tt.gradient_check(net, X, y)
    assert check.passed, str(check)
    assert 0 < check.scale < 1e-9
    assert check.tolerance * check.scale < check.checked[0].error < check.rounding < 1e-8


def test_nothing_compared_is_not_a_pass():
    nothing = GradientCheck((), 0.0, 1e-6, 4, n_at_kinks=4)
    assert not nothing.passed
    assert str(nothing) == "gradient check FAILED: 0 of 4 parameters (4 more lie at a kink)"


# What it takes, and what it says ----------------------------------------------------------------


def test_the_sample_is_spread_and_moves_with_the_seed():
    net = network((40, 30, 3))
    checks = [
        tt.gradient_check(net, *examples(n_in=40), sample=50, seed=seed) for seed in (0, 0, 7)
    ]
    chosen = [{(o.layer, o.name, o.index) for o in check.checked} for check in checks]
    assert chosen[0] == chosen[1] != chosen[2]
    for places in chosen:
        weights = [index for layer, name, index in places if (layer, name) == (1, "W")]
        assert len(weights) == 50
        assert len({j for j, _ in weights}) > 20  # rows
        assert len({i for _, i in weights}) > 10  # columns
        assert sum(name == "b" for _, name, _ in places) == 33


def test_a_dataset_and_pixels_go_in_too():
    rng = np.random.default_rng(0)
    data = tt.Dataset(rng.integers(0, 256, (6, 5), np.uint8), np.array([0, 1, 2, 0, 1, 2]))
    assert tt.gradient_check(network(), data).passed
    assert tt.gradient_check(network(), data.X, np.eye(3)[data.y]).passed


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"sample": 0}, "sample must be at least 1"),
        ({"step": 0.0}, "step must be above 0"),
        ({"step": math.nan}, "step must be above 0"),
        ({"tolerance": -1.0}, "tolerance at least 0"),
        ({"tolerance": math.nan}, "tolerance at least 0"),
    ],
)
def test_settings_that_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        tt.gradient_check(network(), *examples(), **settings)


def test_examples_that_are_refused():
    with pytest.raises(tt.ShapeError, match=r"\(n, 5\)"):
        tt.gradient_check(network(), np.zeros((2, 4)), [0, 1])
    with pytest.raises(ValueError, match="y is missing"):
        tt.gradient_check(network(), np.zeros((2, 5)))


def test_the_summary():
    found = (
        ParameterCheck(2, "W", (3, 1), 0.25, 0.26),
        ParameterCheck(1, "b", (0,), 0.5, 0.5),
    )
    check = GradientCheck(found, 0.5, 1e-6, 13_002)
    assert check.checked[0].error == pytest.approx(0.01)
    assert check.max_error == pytest.approx(0.02)
    assert not check.passed
    assert str(check) == (
        "gradient check FAILED: 2 of 13,002 parameters, largest gradient 0.5, largest error "
        "1.0e-02 (allowed 5.0e-07); worst W[3, 1] of layer 2: 0.25 against 0.26"
    )
