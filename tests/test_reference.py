"""The oracle itself: worked by hand, against central differences, against PyTorch's autograd."""

from __future__ import annotations

import math
import timeit
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tongtou import reference
from tongtou.activations import ACTIVATIONS
from tongtou.losses import LOSSES

SIGMOID, STEP = ACTIVATIONS["sigmoid"], ACTIVATIONS["step"]
SSE = LOSSES["sse"]


def network(sizes: list[int], names: list[str], seed: int) -> tuple[list, list, list]:
    """Random weights and biases, none of them 0, of layers with these activations."""
    rng = np.random.default_rng(seed)
    pairs = list(pairwise(sizes))
    weights = [rng.normal(size=(n_out, n_in)) / math.sqrt(n_in) for n_in, n_out in pairs]
    biases = [rng.normal(size=n_out) / 2 for _, n_out in pairs]
    return weights, biases, [ACTIVATIONS[name] for name in names]


def targets(loss: str, n: int, n_out: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(n_out), n) if loss == "cross_entropy" else rng.random((n, n_out))


def accepts(loss: str, output: str) -> bool:
    try:
        LOSSES[loss].check_output(ACTIVATIONS[output])
    except ValueError:
        return False
    return True


# Worked by hand ---------------------------------------------------------------------------------


def test_one_neuron_by_hand() -> None:
    """Two inputs, two weights, sigmoid, S(w) = sum of squared errors, delta w = -eta S'(w)."""
    x, w, y = [2.0, 1.0], [math.log(1.5), math.log(4 / 3)], [1.0]
    no_bias = [0.0]
    # forward:  z = 2 ln 1.5 + 1 ln 4/3 = ln (9/4 · 4/3) = ln 3
    #           a = 1 / (1 + e^-ln 3) = 1 / (1 + 1/3) = 3/4
    z, a = reference.forward_by_neuron([[w]], [no_bias], [SIGMOID], x)
    assert z[1][0] == pytest.approx(1.0986122886681098, rel=1e-15)
    assert a[1][0] == pytest.approx(0.75, rel=1e-15)
    # S(w) = (3/4 - 1)^2 = 1/16
    error = reference.loss([[w]], [no_bias], [SIGMOID], SSE, [x], [y])
    assert error == pytest.approx(0.0625, rel=1e-14)
    # chain rule: dS/da = 2 (3/4 - 1) = -1/2
    #             da/dz = 3/4 (1 - 3/4) = 3/16
    #             dS/dz = -1/2 · 3/16 = -3/32
    #             dS/dw1 = -3/32 · x1 = -6/32,  dS/dw2 = -3/32 · x2 = -3/32
    (gradient,) = reference.gradients([[w]], [no_bias], [SIGMOID], SSE, [x], [y])
    np.testing.assert_allclose(gradient.W, [[-0.1875, -0.09375]], rtol=1e-14)
    # eta = 0.8: w1 grows by 0.15, w2 by 0.075; z grows by 2 · 0.15 + 0.075 = 0.375, S shrinks.
    after = np.array(w) - 0.8 * gradient.W[0]
    np.testing.assert_allclose(after, [math.log(1.5) + 0.15, math.log(4 / 3) + 0.075], rtol=1e-14)
    z_after = reference.forward([[after]], [no_bias], [SIGMOID], [x])[0][1][0, 0]
    assert z_after == pytest.approx(math.log(3) + 0.375, rel=1e-14)
    assert reference.loss([[after]], [no_bias], [SIGMOID], SSE, [x], [y]) < error


def test_one_neuron_with_two_examples_by_hand() -> None:
    """S sums over both examples; C is the mean, so C = S / 2 and every derivative is halved."""
    w, X, y = [math.log(2), math.log(3)], [[1.0, 0.0], [1.0, -1.0]], [[1.0], [0.0]]
    # example 1: z = ln 2,    a = 2/3,  (2/3 - 1)^2 = 1/9,   dS/dz = 2 (-1/3) (2/3 · 1/3) = -4/27
    # example 2: z = ln 2/3,  a = 2/5,  (2/5 - 0)^2 = 4/25,  dS/dz = 2 (2/5) (2/5 · 3/5) = 24/125
    # S = 1/9 + 4/25 = 61/225
    # dS/dw1 = -4/27 · 1 + 24/125 · 1 = 148/3375      dS/dw2 = -4/27 · 0 - 24/125 · 1 = -24/125
    mean = reference.loss([[w]], [[0.0]], [SIGMOID], SSE, X, y)
    assert mean == pytest.approx(61 / 225 / 2, rel=1e-14)
    (gradient,) = reference.gradients([[w]], [[0.0]], [SIGMOID], SSE, X, y)
    np.testing.assert_allclose(gradient.W, [[148 / 3375 / 2, -24 / 125 / 2]], rtol=1e-13)
    # the bias counts as an input that is always 1: dS/db = -4/27 + 24/125 = 148/3375
    np.testing.assert_allclose(gradient.b, [148 / 3375 / 2], rtol=1e-13)


def test_a_second_layer_in_front_by_hand() -> None:
    """The x of one layer is the output of the one before; the chain rule written out."""
    ln2, ln3 = math.log(2), math.log(3)
    x, y = [2.0, 1.0], [0.0]
    W1, b1 = [[ln3 / 2, ln3], [-ln3, 2 * ln3]], [-ln3, -ln3]
    W2, b2 = [[4 * ln2, -4 * ln2]], [0.0]
    # layer 1, neuron 1: z = 2 (ln3)/2 + 1 ln3 - ln3 = ln 3       a = 3/4
    #          neuron 2: z = -2 ln3 + 2 ln3 - ln3 = -ln 3         a = 1/4
    # layer 2:           z = 4 ln2 · 3/4 - 4 ln2 · 1/4 = 2 ln 2   a = 4/5
    W, b, f = [W1, W2], [b1, b2], [SIGMOID, SIGMOID]
    Z, A = reference.forward(W, b, f, [x])
    np.testing.assert_allclose(Z[1], [[ln3, -ln3]], rtol=1e-14)
    np.testing.assert_allclose(A[1], [[0.75, 0.25]], rtol=1e-14)
    np.testing.assert_allclose(A[2], [[0.8]], rtol=1e-14)
    # C = (4/5 - 0)^2 = 16/25
    assert reference.loss(W, b, f, SSE, [x], [y]) == pytest.approx(0.64, rel=1e-14)
    # dC/da = 2 · 4/5 = 8/5;  da/dz = 4/5 · 1/5 = 4/25;  delta[2] = 8/5 · 4/25 = 32/125 = 0.256
    delta = reference.deltas(W, f, SSE, Z, A, [y])
    np.testing.assert_allclose(delta[2], [[0.256]], rtol=1e-14)
    # back through W2: dC/da1 = 0.256 · 4 ln2 = 1.024 ln2, dC/da2 = -1.024 ln2
    # both hidden neurons have da/dz = 3/4 · 1/4 = 3/16
    # delta[1] = (1.024 · 3/16) ln2 = 0.192 ln2 and -0.192 ln2
    np.testing.assert_allclose(delta[1], [[0.192 * ln2, -0.192 * ln2]], rtol=1e-13)
    first, second = reference.backward(W, f, SSE, Z, A, [y])
    # dC/dW[2] = 0.256 · (3/4, 1/4) = (0.192, 0.064);  dC/db[2] = 0.256
    np.testing.assert_allclose(second.W, [[0.192, 0.064]], rtol=1e-14)
    np.testing.assert_allclose(second.b, [0.256], rtol=1e-14)
    # dC/dW[1]: neuron 1: 0.192 ln2 · (2, 1);  neuron 2: -0.192 ln2 · (2, 1)
    expected = [[0.384 * ln2, 0.192 * ln2], [-0.384 * ln2, -0.192 * ln2]]
    np.testing.assert_allclose(first.W, expected, rtol=1e-13)
    np.testing.assert_allclose(first.b, [0.192 * ln2, -0.192 * ln2], rtol=1e-13)


def test_two_softmax_outputs_by_hand() -> None:
    """Delta is p - y: z = (ln 3, 0) gives p = (3/4, 1/4); the second is right, C = ln 4."""
    W, b, f, x = [[[math.log(3)], [0.0]]], [[0.0, 0.0]], [ACTIVATIONS["softmax"]], [[1.0]]
    loss, y = LOSSES["cross_entropy"], [[0.0, 1.0]]
    assert reference.loss(W, b, f, loss, x, y) == pytest.approx(math.log(4), rel=1e-14)
    (gradient,) = reference.gradients(W, b, f, loss, x, y)
    np.testing.assert_allclose(gradient.W, [[0.75], [-0.75]], rtol=1e-14)


@pytest.mark.parametrize(("fourth", "fires"), [(0.999, 0.0), (1.0, 1.0), (1.5, 1.0)])
def test_a_bias_of_minus_ten_is_a_threshold_of_ten(fourth: float, fires: float) -> None:
    """Weighted sum 1·2 + 2·2 + 3·1 + 1·fourth = 9 + fourth: it fires from 10 on, not below."""
    W, b = [[[1.0, 2.0, 3.0, 1.0]]], [[-10.0]]
    x = [2.0, 2.0, 1.0, fourth]
    z, a = reference.forward_by_neuron(W, b, [STEP], x)
    assert z[1][0] == pytest.approx(fourth - 1, abs=1e-12)
    assert a[1][0] == fires
    # Why a smooth function replaced it: nothing comes back through a step.
    (gradient,) = reference.gradients(W, b, [STEP], SSE, [x], [[0.5]])
    assert not gradient.W.any()


# Against central differences --------------------------------------------------------------------

# hidden activation, output activation, loss, tolerance. Every output a loss accepts, then every
# hidden activation. The tolerance is absolute, about four times the largest error measured: what
# rounding C by 1e-16 leaves after division by the step 2^-17, so it follows the size of C.
PAIRS = [
    *[("tanh", output, "sse", 3e-10) for output in ACTIVATIONS if output != "exp"],
    *[("tanh", output, "mse", 1.5e-10) for output in ACTIVATIONS if output != "exp"],
    *[("tanh", output, "half_sse", 3e-10) for output in ACTIVATIONS if output != "exp"],
    *[("tanh", output, "huber", 3e-10) for output in ACTIVATIONS if output != "exp"],
    *[("tanh", "exp", loss, 3e-9) for loss in ("sse", "mse", "half_sse", "huber")],
    ("tanh", "softmax", "cross_entropy", 1.5e-10),
    ("tanh", "exp", "poisson", 1e-9),
    ("tanh", "sigmoid", "binary_cross_entropy", 6e-10),
    *[(hidden, "sigmoid", "sse", 1.5e-10) for hidden in ACTIVATIONS if hidden != "exp"],
    *[(hidden, "softmax", "cross_entropy", 3e-10) for hidden in ACTIVATIONS if hidden != "exp"],
    ("exp", "sigmoid", "sse", 5e-9),
    ("linear", "linear", "sse", 2e-9),
    ("relu", "relu", "mse", 1e-10),
]
KINK_MARGIN = 1e-3


@pytest.mark.parametrize(("hidden", "output", "loss", "tolerance"), PAIRS)
def test_gradients_against_central_differences(
    hidden: str, output: str, loss: str, tolerance: float
) -> None:
    W, b, f = network([5, 4, 4, 3], [hidden, hidden, output], seed=3)
    X = np.random.default_rng(4).normal(size=(6, 5))
    y = targets(loss, 6, 3, seed=5)

    # In the open: these numbers keep clear of every kink, by more than a step can move them.
    Z, _ = reference.forward(W, b, f, X)
    for z, activation in zip(Z[1:], f, strict=True):
        for kink in activation.kinks:
            assert np.abs(z - kink).min() > KINK_MARGIN

    def C(_: np.ndarray) -> float:
        return reference.loss(W, b, f, LOSSES[loss], X, y)

    analytic = reference.gradients(W, b, f, LOSSES[loss], X, y)
    for W_l, b_l, gradient in zip(W, b, analytic, strict=True):
        for theta, exact in ((W_l, gradient.W), (b_l, gradient.b)):
            numeric = reference.numeric_gradient(C, theta)
            np.testing.assert_allclose(exact, numeric, rtol=0, atol=tolerance)
    if "step" not in (hidden, output):
        assert all(np.abs(gradient.W).max() > 1e-3 for gradient in analytic)


def test_numeric_gradient_puts_everything_back() -> None:
    theta = np.array([[0.1, 0.2], [0.3, 1e9]])
    before = theta.copy()
    numeric = reference.numeric_gradient(lambda theta: float(np.sum(theta**2)), theta[:, :1])
    np.testing.assert_allclose(numeric, [[0.2], [0.6]], rtol=1e-9)
    np.testing.assert_array_equal(theta, before)

    def fails(theta: np.ndarray) -> float:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reference.numeric_gradient(fails, theta)
    np.testing.assert_array_equal(theta, before)


# Against PyTorch --------------------------------------------------------------------------------

TORCH_ACTIVATIONS = {
    "linear": lambda z: z,
    "step": lambda z: (z >= 0).to(z.dtype) + 0 * z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": torch.nn.functional.leaky_relu,
    "gelu": torch.nn.functional.gelu,
    "softmax": lambda z: torch.softmax(z, dim=1),
    "exp": torch.exp,
}
TORCH_LOSSES = {
    "sse": lambda z, a, y: ((a - y) ** 2).sum(dim=1).mean(),
    "mse": lambda z, a, y: torch.nn.functional.mse_loss(a, y),
    "cross_entropy": lambda z, a, y: torch.nn.functional.cross_entropy(z, y),
    "half_sse": lambda z, a, y: ((a - y) ** 2).sum(dim=1).mean() / 2,
    "huber": lambda z, a, y: torch.nn.functional.huber_loss(a, y),
    "poisson": lambda z, a, y: (
        (torch.nn.functional.poisson_nll_loss(z, y, reduction="none") + torch.xlogy(y, y) - y)
        .sum(dim=1)
        .mean()
    ),
    "binary_cross_entropy": lambda z, a, y: (
        torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="none")
        .sum(dim=1)
        .mean()
    ),
}


@st.composite
def architectures(draw: st.DrawFn) -> tuple[list[int], list[str], str]:
    depth = draw(st.integers(1, 5))
    sizes = draw(st.lists(st.integers(1, 70), min_size=depth + 1, max_size=depth + 1))
    # exp of exp of exp overflows in PyTorch, so it is at the output only.
    hidden = st.sampled_from(sorted(set(ACTIVATIONS) - {"exp"}))
    names = draw(st.lists(hidden, min_size=depth - 1, max_size=depth - 1))
    loss = draw(st.sampled_from(sorted(LOSSES)))
    output = draw(st.sampled_from([name for name in sorted(ACTIVATIONS) if accepts(loss, name)]))
    return sizes, [*names, output], loss


@settings(deadline=None, max_examples=150, derandomize=True)
@given(architecture=architectures(), n=st.integers(1, 33), seed=st.integers(0, 2**32 - 1))
def test_loss_and_gradients_against_torch(
    architecture: tuple[list[int], list[str], str], n: int, seed: int
) -> None:
    sizes, names, loss = architecture
    W, b, f = network(sizes, names, seed)
    X = np.random.default_rng(seed + 1).normal(size=(n, sizes[0]))
    y = targets(loss, n, sizes[-1], seed + 2)

    W_torch = [torch.from_numpy(each).requires_grad_() for each in W]
    b_torch = [torch.from_numpy(each).requires_grad_() for each in b]
    a = torch.from_numpy(X)
    for W_l, b_l, name in zip(W_torch, b_torch, names, strict=True):
        z = torch.nn.functional.linear(a, W_l, b_l)
        a = TORCH_ACTIVATIONS[name](z)
    C = TORCH_LOSSES[loss](z, a, torch.from_numpy(y))
    C.backward()

    assert reference.loss(W, b, f, LOSSES[loss], X, y) == pytest.approx(C.item(), rel=1e-12)
    analytic = reference.gradients(W, b, f, LOSSES[loss], X, y)
    for gradient, W_l, b_l in zip(analytic, W_torch, b_torch, strict=True):
        np.testing.assert_allclose(gradient.W, W_l.grad.numpy(), rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose(gradient.b, b_l.grad.numpy(), rtol=1e-9, atol=1e-13)


# Weights of examples -----------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_of_examples_count_them_that_often(loss: str) -> None:
    """Whole weights are the same as having the example so many times, and 0 as not having it."""
    output = next(name for name in ACTIVATIONS if accepts(loss, name))
    W, b, f = network([4, 5, 3], ["tanh", output], seed=11)
    X, y = np.random.default_rng(12).normal(size=(4, 4)), targets(loss, 4, 3, seed=13)
    often = [3, 0, 1, 2]
    for scale in (1.0, 0.25):  # only their ratios matter
        w = scale * np.array(often)
        weighted = reference.loss(W, b, f, LOSSES[loss], X, y, w)
        gradient = reference.gradients(W, b, f, LOSSES[loss], X, y, w)
        rows = np.repeat(np.arange(4), often)
        assert weighted == pytest.approx(reference.loss(W, b, f, LOSSES[loss], X[rows], y[rows]))
        repeated = reference.gradients(W, b, f, LOSSES[loss], X[rows], y[rows])
        for one, other in zip(gradient, repeated, strict=True):
            np.testing.assert_allclose(one.W, other.W, rtol=1e-12, atol=1e-15)
            np.testing.assert_allclose(one.b, other.b, rtol=1e-12, atol=1e-15)


def test_weights_of_examples_by_hand() -> None:
    """C = (1 · 1 + 3 · 0) / 4 of errors 6 - 5 and 2 - 2; the delta of the first is 2 · 1 / 4."""
    W, b, f, X, y = [[[2.0]]], [[0.0]], [ACTIVATIONS["linear"]], [[3.0], [1.0]], [[5.0], [2.0]]
    assert reference.loss(W, b, f, SSE, X, y, [1, 3]) == 0.25
    (gradient,) = reference.gradients(W, b, f, SSE, X, y, [1, 3])
    assert gradient.W.item() == 1.5
    assert gradient.b.item() == 0.5


def test_no_weight_at_all_moves_nothing() -> None:
    W, b, f, X, y = [[[2.0]]], [[0.0]], [ACTIVATIONS["linear"]], [[3.0], [1.0]], [[5.0], [2.0]]
    assert reference.loss(W, b, f, SSE, X, y, [0, 0]) == 0
    (gradient,) = reference.gradients(W, b, f, SSE, X, y, [0, 0])
    assert gradient.W.item() == gradient.b.item() == 0


# Neuron by neuron and in matrix form ------------------------------------------------------------


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_neuron_by_neuron_equals_the_matrix_form(name: str) -> None:
    W, b, f = network([6, 5, 4, 3], [name, name, "softmax"], seed=6)
    X = np.random.default_rng(7).normal(size=(4, 6))
    Z, A = reference.forward(W, b, f, X)
    assert [each.shape for each in Z[1:]] == [(4, 5), (4, 4), (4, 3)]
    assert Z[0].size == 0
    for row, x in enumerate(X):
        z, a = reference.forward_by_neuron(W, b, f, x)
        assert len(z) == len(Z) == len(a) == len(A) == 4
        for layer in range(4):
            np.testing.assert_allclose(a[layer], A[layer][row], rtol=1e-13, atol=1e-14)
        for layer in range(1, 4):
            np.testing.assert_allclose(z[layer], Z[layer][row], rtol=1e-13, atol=1e-14)


def test_the_matrix_form_is_faster_on_one_digit(
    record_property: Callable[[str, object], None],
) -> None:
    """The lesson's network and one example: 12,960 products, by loops and by three matrices."""
    W, b, f = network([784, 16, 16, 10], ["sigmoid"] * 3, seed=8)
    x = np.random.default_rng(8).random(784)
    by_neuron = reference.forward_by_neuron(W, b, f, x)[1][3]
    in_matrices = reference.forward(W, b, f, x[None])[1][3][0]
    np.testing.assert_allclose(by_neuron, in_matrices, rtol=1e-13)

    # The best of several runs each, so that a busy machine does not decide.
    def best(form: Callable[..., object], x: np.ndarray) -> float:
        return min(timeit.repeat(lambda: form(W, b, f, x), repeat=10, number=1))

    neuron_s = best(reference.forward_by_neuron, x)
    matrix_s = best(reference.forward, x[None])
    record_property("neuron_by_neuron_s", neuron_s)
    record_property("matrix_form_s", matrix_s)
    print(f"{1e6 * neuron_s:.0f} µs neuron by neuron, {1e6 * matrix_s:.0f} µs in matrix form")
    assert neuron_s > 3 * matrix_s


def test_layer_zero_has_no_weights_to_use_by_mistake() -> None:
    """Reading index 0 fails for its shape instead of giving a number."""
    with pytest.raises(ValueError, match="matmul"):
        np.ones((2, 3)) @ reference.NOTHING.T


def test_nothing_given_is_altered() -> None:
    W, b, f = network([3, 2, 2], ["linear", "linear"], seed=9)
    X, y = np.ones((2, 3)), np.zeros((2, 2))
    before = [each.copy() for each in (*W, *b, X, y)]
    Z, A = reference.forward(W, b, f, X)
    reference.backward(W, f, SSE, Z, A, y)
    A[1][:] = 7  # nor may an activation share memory with its weighted sums
    assert not (Z[1] == 7).any()
    for each, kept in zip((*W, *b, X, y), before, strict=True):
        np.testing.assert_array_equal(each, kept)


def test_the_lesson_s_network_has_13_002_gradients() -> None:
    W, b, f = network([784, 16, 16, 10], ["sigmoid"] * 3, seed=10)
    X = np.random.default_rng(10).random((2, 784))
    gradient = reference.gradients(W, b, f, SSE, X, np.eye(10)[[3, 8]])
    assert [each.W.shape for each in gradient] == [(16, 784), (16, 16), (10, 16)]
    assert [each.W.size + each.b.size for each in gradient] == [12_560, 272, 170]
    assert sum(each.W.size + each.b.size for each in gradient) == 13_002
