"""Losses: values by hand, gradients, PyTorch, stability, and what they accept."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tongtou.activations import ACTIVATIONS
from tongtou.errors import DataError, ShapeError
from tongtou.losses import LOSSES, loss, one_hot
from tongtou.reference import numeric_gradient

SOFTMAX = ACTIVATIONS["softmax"]

# loss, outputs, targets, C_i and dC_i/da worked by hand.
BY_HAND = [
    ("sse", [0.5, 1.0, 0.0], [1.0, 0.0, 0.0], 1.25, [-1.0, 2.0, 0.0]),
    ("mse", [0.5, 1.0], [1.0, 0.0], 0.625, [-0.5, 1.0]),
    ("cross_entropy", [0.25, 0.5, 0.25], [0.0, 1.0, 0.0], math.log(2), [0.0, -2.0, 0.0]),
    ("cross_entropy", [0.25, 0.75], [0.5, 0.5], math.log(4) - math.log(3) / 2, [-2.0, -2 / 3]),
]

PEERS = {
    "sse": lambda a, y: ((a - y) ** 2).sum(dim=1),
    "mse": lambda a, y: torch.nn.functional.mse_loss(a, y, reduction="none").mean(dim=1),
    "cross_entropy": lambda a, y: -(torch.special.xlogy(y, a)).sum(dim=1),
}


def probabilities(n: int, n_out: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(n_out), size=n)


def test_the_codes_are_those_of_the_kernel() -> None:
    codes = {name: function.code for name, function in LOSSES.items()}
    assert codes == {"sse": 0, "mse": 1, "cross_entropy": 2}


@pytest.mark.parametrize(("name", "a", "y", "value", "gradient"), BY_HAND)
def test_by_hand(
    name: str, a: list[float], y: list[float], value: float, gradient: list[float]
) -> None:
    a_row, y_row = np.array([a, a]), np.array([y, y])
    function = LOSSES[name]
    np.testing.assert_allclose(function.value(a_row, y_row), [value, value], rtol=1e-14)
    np.testing.assert_allclose(function.gradient(a_row, y_row), [gradient, gradient], rtol=1e-14)


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_against_central_differences(name: str) -> None:
    a, y = probabilities(4, 5, 1), probabilities(4, 5, 2)
    numeric = numeric_gradient(lambda a: float(LOSSES[name].value(a, y).sum()), a)
    np.testing.assert_allclose(LOSSES[name].gradient(a, y), numeric, rtol=1e-6)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 1e-5)])
@pytest.mark.parametrize("name", LOSSES)
def test_value_and_gradient_against_torch(name: str, dtype: type, tolerance: float) -> None:
    a, y = probabilities(6, 4, 3).astype(dtype), probabilities(6, 4, 4).astype(dtype)
    a_torch = torch.from_numpy(a).requires_grad_()
    value_torch = PEERS[name](a_torch, torch.from_numpy(y))
    value_torch.sum().backward()
    value, gradient = LOSSES[name].value(a, y), LOSSES[name].gradient(a, y)
    assert value.dtype == gradient.dtype == dtype
    np.testing.assert_allclose(value, value_torch.detach().numpy(), rtol=tolerance)
    np.testing.assert_allclose(gradient, a_torch.grad.numpy(), rtol=tolerance)


@pytest.mark.parametrize("soft", [False, True])
def test_softmax_cross_entropy_against_torch(soft: bool) -> None:
    z = 3 * np.random.default_rng(5).normal(size=(8, 6))
    y = probabilities(8, 6, 6) if soft else one_hot(np.arange(8) % 6, 6)
    z_torch = torch.from_numpy(z).requires_grad_()
    value_torch = torch.nn.functional.cross_entropy(z_torch, torch.from_numpy(y), reduction="none")
    value_torch.sum().backward()

    function, a = LOSSES["cross_entropy"], SOFTMAX(z)
    np.testing.assert_allclose(
        function.value_from_z(z, y), value_torch.detach().numpy(), rtol=1e-13
    )
    np.testing.assert_allclose(
        function.delta_with(SOFTMAX, z, a, y), z_torch.grad.numpy(), rtol=1e-12, atol=1e-15
    )


def test_both_ways_through_softmax_agree() -> None:
    """p - y, and the gradient by a carried back through softmax's Jacobian, are the same."""
    function = LOSSES["cross_entropy"]
    z, y = np.random.default_rng(7).normal(size=(5, 4)), probabilities(5, 4, 8)
    a = SOFTMAX(z)
    np.testing.assert_allclose(
        function.delta_with(SOFTMAX, z, a, y),
        SOFTMAX.backward(z, a, function.gradient(a, y)),
        rtol=0,
        atol=1e-15,
    )
    np.testing.assert_allclose(
        function.value_with(SOFTMAX, z, a, y), function.value(a, y), rtol=1e-14
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_stays_finite_when_the_answer_is_surely_wrong(dtype: type) -> None:
    z, y = np.array([[0, 2000], [2000, 0]], dtype), np.array([[1, 0], [1, 0]], dtype)
    a, function = SOFTMAX(z), LOSSES["cross_entropy"]
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_array_equal(function.value_with(SOFTMAX, z, a, y), [2000, 0])
        np.testing.assert_array_equal(function.delta_with(SOFTMAX, z, a, y), [[-1, 1], [0, 0]])
        # From a alone the first is lost; it must come out infinite, not nan and not a warning.
        np.testing.assert_array_equal(function.value(a, y), [np.inf, 0])
        np.testing.assert_array_equal(function.gradient(a, y), [[-np.inf, 0], [-1, 0]])


def test_a_sure_and_right_answer_costs_plus_zero() -> None:
    value = LOSSES["cross_entropy"].value(np.array([[1.0, 0.0]]), np.array([[1.0, 0.0]]))
    assert not np.signbit(value[0])


@pytest.mark.parametrize("output", ACTIVATIONS)
@pytest.mark.parametrize("name", LOSSES)
def test_which_outputs_a_loss_accepts(name: str, output: str) -> None:
    if name != "cross_entropy" or output == "softmax":
        LOSSES[name].check_output(ACTIVATIONS[output])
        return
    with pytest.raises(ValueError, match=rf"needs output='softmax'.*is '{output}'.*Use") as caught:
        LOSSES[name].check_output(ACTIVATIONS[output])
    z = np.zeros((1, 2))
    with pytest.raises(ValueError, match="needs output='softmax'"):
        LOSSES[name].delta_with(ACTIVATIONS[output], z, z, z)
    assert "'sse'" in str(caught.value)


def test_targets_of_cross_entropy_are_distributions() -> None:
    function = LOSSES["cross_entropy"]
    function.check_targets(one_hot([0, 2], 3, np.float32))
    function.check_targets(probabilities(5, 7, 1).astype(np.float32))
    with pytest.raises(DataError, match="row 1 sums to 2"):
        function.check_targets(np.array([[1.0, 0.0], [1.0, 1.0]]))
    with pytest.raises(DataError, match="least value is -1"):
        function.check_targets(np.array([[2.0, -1.0]]))
    for name in ("sse", "mse"):
        LOSSES[name].check_targets(np.array([[2.0, -1.0]]))


def test_lookup() -> None:
    assert loss("sse") is LOSSES["sse"]
    assert loss(LOSSES["mse"]) is LOSSES["mse"]
    with pytest.raises(ValueError, match=r"unknown loss 'crossentropy'.*Did you mean 'cross_entr"):
        loss("crossentropy")


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.uint64])
def test_one_hot(dtype: type) -> None:
    y = one_hot(np.array([1, 0, 2], dtype), 3, np.float32)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, [[0, 1, 0], [1, 0, 0], [0, 0, 1]])


def test_one_hot_of_nothing() -> None:
    assert one_hot([], 3).shape == (0, 3)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([0, 3], DataError, r"0 … 2 for 3 outputs; label 1 is 3"),
        ([0, 1, -1], DataError, r"label 2 is -1"),
        ([0.0, 1.0], DataError, r"integers.*float64"),
        ([True, False], DataError, r"integers.*bool"),
        (["a"], DataError, r"integers"),
        ([[0], [1]], ShapeError, r"\(2, 1\)"),
    ],
)
def test_wrong_labels_are_refused(labels: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        one_hot(labels, 3)
