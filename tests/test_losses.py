"""Losses: values by hand, gradients, PyTorch, stability, and what they accept."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import mean_poisson_deviance as sklearn_deviance

from tongtou.activations import ACTIVATIONS
from tongtou.errors import DataError, ShapeError
from tongtou.losses import LOSSES, Huber, from_description, loss, one_hot
from tongtou.reference import numeric_gradient

SOFTMAX = ACTIVATIONS["softmax"]

# loss, outputs, targets, C_i and dC_i/da worked by hand.
BY_HAND = [
    ("sse", [0.5, 1.0, 0.0], [1.0, 0.0, 0.0], 1.25, [-1.0, 2.0, 0.0]),
    ("mse", [0.5, 1.0], [1.0, 0.0], 0.625, [-0.5, 1.0]),
    ("cross_entropy", [0.25, 0.5, 0.25], [0.0, 1.0, 0.0], math.log(2), [0.0, -2.0, 0.0]),
    ("cross_entropy", [0.25, 0.75], [0.5, 0.5], math.log(4) - math.log(3) / 2, [-2.0, -2 / 3]),
    ("half_sse", [0.5, 1.0, 0.0], [1.0, 0.0, 0.0], 0.625, [-0.5, 1.0, 0.0]),
    # errors 1/2, -1, 3: (1/8 + 1/2 + 2 1/2) / 3
    ("huber", [0.5, -1.0, 3.0], [0.0, 0.0, 0.0], 3.125 / 3, [0.5 / 3, -1 / 3, 1 / 3]),
    # a = 2 for a count of 1: 2 - log 2 - 1; a = 3 for none: 3
    ("poisson", [2.0, 3.0], [1.0, 0.0], 4 - math.log(2), [0.5, 1.0]),
    # yes at 3/4, no at 1/2: log 4/3 + log 2
    ("binary_cross_entropy", [0.75, 0.5], [1.0, 0.0], math.log(8 / 3), [-4 / 3, 2.0]),
    ("binary_cross_entropy", [0.5], [0.5], math.log(2), [0.0]),
]

PEERS = {
    "sse": lambda a, y: ((a - y) ** 2).sum(dim=1),
    "mse": lambda a, y: torch.nn.functional.mse_loss(a, y, reduction="none").mean(dim=1),
    "cross_entropy": lambda a, y: -(torch.special.xlogy(y, a)).sum(dim=1),
    "half_sse": lambda a, y: ((a - y) ** 2).sum(dim=1) / 2,
    "huber": lambda a, y: F.huber_loss(a, y, reduction="none").mean(dim=1),
    # PyTorch's leaves out what does not depend on a; its eps would blur the comparison.
    "poisson": lambda a, y: (
        F.poisson_nll_loss(a, y, log_input=False, eps=0, reduction="none")
        + torch.special.xlogy(y, y)
        - y
    ).sum(dim=1),
    "binary_cross_entropy": lambda a, y: F.binary_cross_entropy(a, y, reduction="none").sum(dim=1),
}
OUTPUT = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid", "poisson": "exp"}
"""The only output that these losses take."""


def probabilities(n: int, n_out: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(n_out), size=n)


def test_the_codes_are_those_of_the_kernel() -> None:
    codes = {name: function.code for name, function in LOSSES.items()}
    assert codes == {
        "sse": 0,
        "mse": 1,
        "cross_entropy": 2,
        "half_sse": 3,
        "huber": 4,
        "poisson": 5,
        "binary_cross_entropy": 6,
    }


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
    atol = tolerance if name == "poisson" else 0  # a sum of parts that nearly cancel
    np.testing.assert_allclose(value, value_torch.detach().numpy(), rtol=tolerance, atol=atol)
    np.testing.assert_allclose(gradient, a_torch.grad.numpy(), rtol=tolerance, atol=atol)


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
    needed = OUTPUT.get(name, output)
    if output == needed:
        LOSSES[name].check_output(ACTIVATIONS[output])
        return
    message = rf"loss='{name}' needs output='{needed}'.*is '{output}'.*Use output='{needed}'"
    with pytest.raises(ValueError, match=message) as caught:
        LOSSES[name].check_output(ACTIVATIONS[output])
    z = np.zeros((1, 2))
    for through in (LOSSES[name].delta_with, LOSSES[name].value_with):
        with pytest.raises(ValueError, match=f"needs output='{needed}'"):
            through(ACTIVATIONS[output], z, z, z)
    assert re.search("loss='(sse|mse|cross_entropy)'", str(caught.value).replace(name, "", 1))


def test_targets_of_cross_entropy_are_distributions() -> None:
    function = LOSSES["cross_entropy"]
    function.check_targets(one_hot([0, 2], 3, np.float32))
    function.check_targets(probabilities(5, 7, 1).astype(np.float32))
    with pytest.raises(DataError, match="row 1 sums to 2"):
        function.check_targets(np.array([[1.0, 0.0], [1.0, 1.0]]))
    with pytest.raises(DataError, match="least value is -1"):
        function.check_targets(np.array([[2.0, -1.0]]))
    for name in ("sse", "mse", "half_sse", "huber"):
        LOSSES[name].check_targets(np.array([[2.0, -1.0]]))


def test_targets_of_binary_cross_entropy_lie_between_0_and_1() -> None:
    function = LOSSES["binary_cross_entropy"]
    function.check_targets(np.array([[1.0, 1.0], [0.0, 0.3]]))
    with pytest.raises(DataError, match=r"row 1, column 0 is 2.*one column a label"):
        function.check_targets(np.array([[1.0, 1.0], [2.0, 0.0]]))
    with pytest.raises(DataError, match=r"row 0, column 1 is -0.5"):
        function.check_targets(np.array([[1.0, -0.5]]))


def test_targets_of_poisson_are_counts() -> None:
    LOSSES["poisson"].check_targets(np.array([[0.0, 17.0], [0.5, 1e9]]))
    with pytest.raises(DataError, match=r"0 or more; row 1, column 0 of y is -1.*mse"):
        LOSSES["poisson"].check_targets(np.array([[0.0], [-1.0]]))


# Taken together with their output -----------------------------------------------------------------

TOGETHER = {
    "binary_cross_entropy": lambda z, y: F.binary_cross_entropy_with_logits(
        z, y, reduction="none"
    ).sum(dim=1),
    "poisson": lambda z, y: (
        F.poisson_nll_loss(z, y, log_input=True, reduction="none") + torch.special.xlogy(y, y) - y
    ).sum(dim=1),
}


@pytest.mark.parametrize("name", TOGETHER)
def test_from_z_against_torch(name: str) -> None:
    rng = np.random.default_rng(9)
    z, f = 3 * rng.normal(size=(8, 6)), ACTIVATIONS[OUTPUT[name]]
    y = rng.poisson(2, (8, 6)).astype(float) if name == "poisson" else rng.integers(0, 2, (8, 6))
    y = y.astype(np.float64)
    z_torch = torch.from_numpy(z).requires_grad_()
    value_torch = TOGETHER[name](z_torch, torch.from_numpy(y))
    value_torch.sum().backward()
    value = LOSSES[name].value_with(f, z, f(z), y)
    np.testing.assert_allclose(value, value_torch.detach().numpy(), rtol=1e-12)
    delta = LOSSES[name].delta_with(f, z, f(z), y)
    np.testing.assert_allclose(delta, z_torch.grad.numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", TOGETHER)
def test_both_ways_through_the_output_agree(name: str) -> None:
    function, f = LOSSES[name], ACTIVATIONS[OUTPUT[name]]
    rng = np.random.default_rng(7)
    z, y = rng.normal(size=(5, 4)), rng.random((5, 4))
    a = f(z)
    slow = f.backward(z, a, function.gradient(a, y))
    np.testing.assert_allclose(function.delta_with(f, z, a, y), slow, rtol=0, atol=1e-14)
    np.testing.assert_allclose(
        function.value_with(f, z, a, y), function.value(a, y), rtol=1e-12, atol=1e-14
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_binary_cross_entropy_stays_finite_when_surely_wrong(dtype: type) -> None:
    function, f = LOSSES["binary_cross_entropy"], ACTIVATIONS["sigmoid"]
    z, y = (
        np.array([[2000, -2000, 2000], [0, 0, 0]], dtype),
        np.array([[0, 1, 1], [0, 1, 1]], dtype),
    )
    a = f(z)
    with np.errstate(all="raise", under="ignore"):
        value = function.value_with(f, z, a, y)
        np.testing.assert_allclose(value, [4000, 3 * math.log(2)], rtol=1e-6)
        np.testing.assert_array_equal(function.delta_with(f, z, a, y)[0], [1, -1, 0])
        # From a alone the first is lost; it must come out infinite, not nan and not a warning.
        assert function.value(a, y)[0] == np.inf
        np.testing.assert_array_equal(function.gradient(a, y)[0], [np.inf, -np.inf, -1])
    assert value.dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_poisson_stays_finite_far_out(dtype: type) -> None:
    function, f = LOSSES["poisson"], ACTIVATIONS["exp"]
    z, y = np.array([[-1000], [1000], [-1000]], dtype), np.array([[2], [2], [0]], dtype)
    a = f(z)
    with np.errstate(all="raise", under="ignore"):
        value, delta = function.value_with(f, z, a, y), function.delta_with(f, z, a, y)
    assert np.isfinite(value).all()
    assert np.isfinite(delta).all()
    np.testing.assert_allclose(value[0], 2000 + 2 * math.log(2) - 2, rtol=1e-6)
    assert abs(value[2]) < 1e-30
    assert delta[0] == -2
    assert delta[1] > 1e30


def test_a_perfect_fit_of_counts_costs_nothing() -> None:
    y = np.array([[0.0, 1.0, 7.0, 1e6]])
    assert LOSSES["poisson"].value(y, y) == 0
    assert sklearn_deviance([3.0, 0.0], [2.0, 0.5]) == pytest.approx(
        2 * LOSSES["poisson"].value(np.array([[2.0], [0.5]]), np.array([[3.0], [0.0]])).mean()
    )


# Huber's delta, multi-label, descriptions ---------------------------------------------------------


@pytest.mark.parametrize("delta", [0.1, 1.0, 3.5])
def test_huber_of_another_delta_against_torch(delta: float) -> None:
    rng = np.random.default_rng(3)
    a, y = 3 * rng.normal(size=(40, 3)), rng.normal(size=(40, 3))
    a[0], y[0] = delta, 0  # at the joint
    a_torch = torch.from_numpy(a).requires_grad_()
    value_torch = F.huber_loss(a_torch, torch.from_numpy(y), delta=delta, reduction="none")
    value_torch.mean(dim=1).sum().backward()
    function = Huber(delta=delta)
    np.testing.assert_allclose(
        function.value(a, y), value_torch.detach().numpy().mean(axis=1), rtol=1e-13
    )
    np.testing.assert_allclose(function.gradient(a, y), a_torch.grad.numpy(), rtol=1e-13)


def test_huber_is_half_the_square_inside_and_a_line_outside() -> None:
    far, y = np.array([[100.0], [101.0], [102.0]]), np.zeros((3, 1))
    np.testing.assert_allclose(np.diff(Huber(delta=2).value(far, y)), [2, 2], rtol=1e-12)
    near = np.random.default_rng(0).random((5, 4))
    np.testing.assert_allclose(
        Huber(delta=2).value(near, 0 * near), LOSSES["half_sse"].value(near, 0 * near) / 4
    )


@pytest.mark.parametrize("delta", [0, -1.0, math.nan, math.inf, "1", True, None])
def test_a_wrong_delta_is_refused(delta: object) -> None:
    with pytest.raises(ValueError, match="delta of huber must be a finite number above 0"):
        Huber(delta=delta)


def test_which_losses_have_several_labels() -> None:
    assert [name for name, one in LOSSES.items() if one.is_multilabel] == ["binary_cross_entropy"]
    assert LOSSES["binary_cross_entropy"].n_classes(50) == 2
    assert LOSSES["cross_entropy"].n_classes(50) == 50
    assert LOSSES["sse"].n_classes(1) == 2


@pytest.mark.parametrize("one", [*LOSSES.values(), Huber(delta=0.25)])
def test_description_round_trip_through_json(one: object) -> None:
    assert from_description(json.loads(json.dumps(one.describe()))) == one
    assert from_description(one.name) == LOSSES[one.name]
    assert one.parameter == one.describe().get("parameter", 0)


@pytest.mark.parametrize(
    ("description", "message"),
    [
        (None, "described by a mapping"),
        ("hubert", "Did you mean 'huber'"),
        ({}, "unknown loss None"),
        ({"name": "sse", "parameter": 1.0}, "may hold"),
        ({"name": "huber", "delta": 1.0}, "may hold"),
        ({"name": "huber", "parameter": -1.0}, "above 0"),
    ],
)
def test_a_wrong_description_is_refused(description: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_description(description)


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
